"""What rules' SQL gives, without the engine: plain Python for time, DuckDB for the rest."""
