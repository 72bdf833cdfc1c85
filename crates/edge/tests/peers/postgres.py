"""psycopg against an edge: `postgres.py PORT PASSWORD CERTIFICATE`. Says each result as a line of JSON."""

import datetime
import json
import sys
import threading

import psycopg

port, password, certificate = sys.argv[1:4]


def connect(**more):
    settings = {"user": "anna", "password": password, "dbname": "tagwerk", "port": port,
                "host": "localhost", "sslmode": "verify-full", "sslrootcert": certificate, **more}
    return psycopg.connect(**settings)


def say(**what):
    print(json.dumps(what, default=str), flush=True)


with connect() as connection:
    say(tls=connection.pgconn.ssl_in_use)
    query = "SELECT time, value_u64, value_i64 FROM samples WHERE device = %s AND tag = %s ORDER BY time LIMIT 3"
    for binary in (False, True):
        cursor = connection.cursor(binary=binary)
        for tag in ("most", "least"):
            rows = cursor.execute(query, ("ends", tag), prepare=True).fetchall()
            say(tag=tag, binary=binary, rows=[[t.isoformat(), u and str(u), i] for t, u, i in rows])
        # The wire has microseconds, history nanoseconds.
        first = rows[0][0] + datetime.timedelta(microseconds=1)
        count = "SELECT count(*) FROM samples WHERE tag = %s AND time <= %s AND value_i64 = %s"
        say(count=cursor.execute(count, ("least", first, -(2**63))).fetchone()[0])
        exact = "SELECT count(*) > 0 FROM samples WHERE value_u64 = %s"
        say(exact=cursor.execute(exact, (2**64 - 1,)).fetchone()[0])
        some = "SELECT DISTINCT tag FROM samples WHERE tag = ANY(%s) ORDER BY tag"
        say(some=[row[0] for row in cursor.execute(some, (["most", "none"],))])
    connection.commit()
    with connection.cursor().copy("COPY (SELECT tag FROM latest WHERE device = 'ends' AND tag <> 'status' ORDER BY tag) TO STDOUT") as copy:
        say(copy=[row[0] for row in copy.rows()])
    connection.commit()
    series = "generate_series(1, 10000)"
    endless = f"SELECT count(*) FROM {series} a, {series} b, {series} c"
    # Before the statement is at work, canceling has no effect: asked until there is an answer.
    answered = threading.Event()

    def cancel():
        while not answered.wait(0.1):
            connection.cancel()

    canceling = threading.Thread(target=cancel, daemon=True)
    canceling.start()
    try:
        connection.execute(endless)
    except psycopg.errors.QueryCanceled as error:
        answered.set()
        canceling.join()
        say(canceled=error.diag.message_primary)
    connection.rollback()
    connection.execute("SET statement_timeout = '50ms'")
    try:
        connection.execute(endless)
    except psycopg.errors.QueryCanceled as error:
        say(late=error.diag.message_primary)
    connection.rollback()
    try:
        connection.execute("INSERT INTO samples VALUES (1)")
    except psycopg.errors.ReadOnlySqlTransaction as error:
        say(refused=error.diag.message_primary)
    connection.rollback()

try:
    connect(password="something else entirely")
except psycopg.OperationalError as error:
    say(wrong="password authentication failed" in str(error))
say(end=True)
