"""What rules' SQL gives, computed without the engine: plain Python for time, DuckDB for the rest."""
