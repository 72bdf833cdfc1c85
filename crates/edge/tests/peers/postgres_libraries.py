"""pg8000, asyncpg and SQLAlchemy against an edge: `postgres_libraries.py PORT PASSWORD`. Says each result as a line of JSON."""

import asyncio
import decimal
import json
import ssl
import sys

import asyncpg
import pg8000.native
import sqlalchemy

port, password = sys.argv[1:3]
PLACE = {"host": "127.0.0.1", "port": int(port), "database": "tagwerk"}
FIRST = "SELECT value_u64, value_i64, time FROM samples WHERE device = {} AND tag = {} ORDER BY time LIMIT 1"

# The certificate itself is psycopg's matter.
trusting = ssl.create_default_context()
trusting.check_hostname = False
trusting.verify_mode = ssl.CERT_NONE


def say(**what):
    print(json.dumps(what, default=str), flush=True)


def with_pg8000():
    connection = pg8000.native.Connection("anna", password=password, ssl_context=trusting, **PLACE)
    for tag in ("most", "least"):
        rows = connection.run(FIRST.format(":device", ":tag"), device="ends", tag=tag)
        say(library="pg8000", tag=tag, first=[[str(u), i, t] for u, i, t in rows])
    connection.close()


async def with_asyncpg():
    connection = await asyncpg.connect(user="anna", password=password, ssl=trusting, **PLACE)
    for tag in ("most", "least"):
        rows = await connection.fetch(FIRST.format("$1", "$2"), "ends", tag)
        say(library="asyncpg", tag=tag, first=[[str(u), i, t] for u, i, t in rows])
    async with connection.transaction(readonly=True):
        names = [row["tag"] async for row in connection.cursor("SELECT tag FROM latest WHERE tag <> 'status' ORDER BY tag")]
    say(library="asyncpg", cursor=names)
    await connection.close()


def with_sqlalchemy(driver, settings):
    url = sqlalchemy.URL.create(f"postgresql+{driver}", "anna", password, **PLACE)
    engine = sqlalchemy.create_engine(url, connect_args=settings)
    looked = sqlalchemy.inspect(engine)
    say(library=f"sqlalchemy {driver}", schemas=looked.get_schema_names(), tables=looked.get_table_names(),
        views=looked.get_view_names(), foreign=looked.get_foreign_keys("ends"), indexes=looked.get_indexes("ends"),
        key=looked.get_pk_constraint("ends")["constrained_columns"], comment=looked.get_table_comment("ends")["text"],
        columns={column["name"]: str(column["type"]) for column in looked.get_columns("ends")})
    table = sqlalchemy.Table("ends", sqlalchemy.MetaData(), autoload_with=engine)
    asked = sqlalchemy.select(table.c.most, table.c.least).where(table.c.most == decimal.Decimal(2**64 - 1)).limit(1)
    with engine.connect() as connection:
        say(library=f"sqlalchemy {driver}", reflected=[[str(most), least] for most, least in connection.execute(asked)])


with_pg8000()
asyncio.run(with_asyncpg())
with_sqlalchemy("psycopg", {"sslmode": "require"})
with_sqlalchemy("pg8000", {"ssl_context": trusting})
say(end=True)
