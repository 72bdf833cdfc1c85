//! The protocol, message by message.

use super::client::{Client, error_field, start_message, told};
use super::plant::Rig;
use crate::Plaintext;
use crate::wire;
use std::sync::atomic::{AtomicBool, Ordering};

/// Longer than any test waits.
const LONG: &str = "SELECT count(*) FROM samples a, samples b, samples c, samples d";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simple_statements_answer_in_their_order() {
    let rig = Rig::start().await;
    let mut client = Client::log_in(&rig).await;
    for (text, answer) in [
        ("SELECT 1, 'a' AS b, NULL, NULL", "[1,a,∅,∅] SELECT 1 I"),
        ("", "I I"),
        ("SELECT 1; SELECT 2", "[1] SELECT 1 [2] SELECT 1 I"),
        ("SELECT 1; SELEC 2", "E42601 I"),
        ("SELECT 1; SELECT nothing; SELECT 3", "[1] SELECT 1 E42703 I"),
        ("BEGIN", "BEGIN T"),
        ("SELECT nothing", "E42703 E"),
        ("SELECT 1", "E25P02 E"),
        ("COMMIT", "ROLLBACK I"),
        ("BEGIN; SAVEPOINT a; RELEASE a; COMMIT", "BEGIN SAVEPOINT RELEASE COMMIT I"),
        ("EXPLAIN INSERT INTO samples VALUES (1)", "E25006 I"),
        ("SHOW TimeZone", "[UTC] SHOW I"),
        ("SET application_name TO x; SHOW application_name", "SET [x] SHOW I"),
        ("RESET ALL; SHOW application_name", "RESET [] SHOW I"),
        ("DISCARD ALL", "DISCARD ALL I"),
        (
            "SELECT DATE '2026-11-01', true, 1.5::float8, 'x'::text",
            "[2026-11-01,t,1.5,x] SELECT 1 I",
        ),
        (
            "SELECT time FROM samples WHERE tag = 'strokes' LIMIT 1",
            "[2026-11-01 00:00:00+00] SELECT 1 I",
        ),
        ("SELECT raw FROM \"Press-1\" ORDER BY time LIMIT 1", "[\\x0000] SELECT 1 I"),
        (
            "SELECT strokes, \"offset\" FROM \"Press-1\" ORDER BY time LIMIT 1",
            "[18446744073709551615,-9223372036854775808] SELECT 1 I",
        ),
        ("SELECT running FROM boiler ORDER BY time LIMIT 1", "[t] SELECT 1 I"),
        (
            "SELECT count(*) FROM samples WHERE tag = ANY('{strokes,\"recipe\"}')",
            "[1200] SELECT 1 I",
        ),
    ] {
        assert_eq!(client.told(text).await, answer, "{text}");
    }
    let described = &client.query("SELECT count(*), max(value) AS m FROM samples").await[0];
    assert!(String::from_utf8_lossy(&described.1).contains("count\0"), "{described:?}");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_are_copied_out() {
    let rig = Rig::start().await;
    let mut client = Client::log_in(&rig).await;
    let rows = "SELECT tag, value_text, value_u64 FROM samples WHERE tag = 'recipe' LIMIT 1";
    for (form, answer) in [
        ("", "H recipe\tR\\t\"0\",\\\\\t\\N\n c COPY 1 I"),
        (
            "WITH (FORMAT csv, HEADER)",
            "H tag,value_text,value_u64\n recipe,\"R\t\"\"0\"\",\\\",\n c COPY 1 I",
        ),
        ("csv header", "H tag,value_text,value_u64\n recipe,\"R\t\"\"0\"\",\\\",\n c COPY 1 I"),
        (
            "WITH (FORMAT csv, DELIMITER ';', NULL '-')",
            "H recipe;\"R\t\"\"0\"\",\\\";-\n c COPY 1 I",
        ),
        ("WITH (FORMAT binary)", "E42601 I"),
    ] {
        assert_eq!(client.told(&format!("COPY ({rows}) TO STDOUT {form}")).await, answer, "{form}");
    }
    assert_eq!(client.told("COPY events TO STDOUT").await, "H c COPY 0 I");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_are_prepared_with_parameters() {
    let rig = Rig::start().await;
    let mut client = Client::log_in(&rig).await;
    let text =
        "SELECT value FROM samples WHERE tag = $1 AND time >= $2 AND value > $3 ORDER BY time";
    client.parse("s", text, &[]).await;
    client.describe(b'S', "s").await;
    let values: [Option<&[u8]>; 3] =
        [Some(b"temperature"), Some(b"2026-11-01T00:00:10Z"), Some(b"9")];
    client.bind("p", "s", &values, false).await;
    client.execute("p", 2).await;
    client.execute("p", 2).await;
    let messages = client.sync().await;
    let types: Vec<u8> = [25u32, 1184, 701].iter().flat_map(|oid| oid.to_be_bytes()).collect();
    let described = messages.iter().find(|(kind, _)| *kind == 't').unwrap();
    assert_eq!(described.1[2..], types);
    assert_eq!(told(&messages), "1 t 2 [9.25] [9.5] s [9.75] [10] s I");

    // Binary both ways, with the types that the client says.
    client.parse("", "SELECT $1, $2, $3, $4, $5::timestamptz", &[20, 701, 16, 1700, 1184]).await;
    let number = [0u8, 5, 0, 4, 0, 0, 0, 0, 7, 52, 26, 184, 1, 25, 37, 91, 6, 79];
    let values: [Option<&[u8]>; 5] = [
        Some(&i64::MIN.to_be_bytes()),
        Some(&1.5f64.to_be_bytes()),
        Some(&[1]),
        Some(&number),
        Some(&1_000_000i64.to_be_bytes()),
    ];
    client.bind("", "", &values, true).await;
    client.describe(b'P', "").await;
    client.execute("", 0).await;
    let messages = client.sync().await;
    let row =
        &messages.iter().find(|(kind, _)| *kind == 'D').unwrap_or_else(|| panic!("{messages:?}")).1;
    assert!(row.windows(8).any(|part| part == i64::MIN.to_be_bytes()), "{row:?}");
    assert!(row.windows(8).any(|part| part == 1.5f64.to_be_bytes()), "{row:?}");
    assert!(row.ends_with(&1_000_000i64.to_be_bytes()), "{row:?}");

    // After an error, everything up to the Sync is ignored.
    client.parse("bad", "SELECT nothing", &[]).await;
    client.bind("", "bad", &[], false).await;
    client.execute("", 0).await;
    client.execute("", 0).await;
    assert_eq!(told(&client.sync().await), "1 2 E42703 I");
    client.bind("", "none", &[], false).await;
    assert_eq!(told(&client.sync().await), "E26000 I");
    client.parse("", "SELECT 1; SELECT 2", &[]).await;
    assert_eq!(told(&client.sync().await), "E42601 I");
    client.parse("", "SELECT $1::int8", &[]).await;
    client.bind("", "", &[Some(b"1; DROP TABLE samples")], false).await;
    client.execute("", 0).await;
    assert_eq!(told(&client.sync().await), "1 2 E22P02 I");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_is_stopped_by_cancel_timeout_and_disconnect() {
    let rig = Rig::start().await;
    let mut client = Client::log_in(&rig).await;
    client.message(b'Q', |out| wire::text(out, LONG)).await;
    // Until the statement is stopped, canceling has no effect: it is sent until there is an answer.
    // Each one is seen to its end, or it would stop what comes next.
    let (pid, key, address) = (client.pid, client.key, rig.address);
    let stopped = AtomicBool::new(false);
    let cancel = async {
        while !stopped.load(Ordering::Relaxed) {
            let mut other = Client::connect(address).await;
            let mut bytes = vec![0, 0, 0, 16, 4, 210, 22, 46];
            bytes.extend(pid.to_be_bytes());
            bytes.extend(key);
            other.send(&bytes).await;
            assert_eq!(other.read().await, None);
        }
    };
    let work = async {
        let answer = client.until('Z').await;
        stopped.store(true, Ordering::Relaxed);
        answer
    };
    let (answer, ()) = tokio::join!(work, cancel);
    assert_eq!(told(&answer), "E57014 I");
    assert_eq!(client.told("SELECT 1").await, "[1] SELECT 1 I");
    client.query("SET statement_timeout = 50").await;
    assert_eq!(client.told(LONG).await, "E57014 I");
    assert_eq!(client.told("RESET statement_timeout; SELECT 1").await, "RESET [1] SELECT 1 I");
    // As many as may be at work, then gone: their turns come back.
    for _ in 0..tagwerk_model::limits::SQL_STATEMENTS_MAX {
        let mut leaving = Client::log_in(&rig).await;
        leaving.message(b'Q', |out| wire::text(out, LONG)).await;
    }
    assert_eq!(client.told("SELECT 1").await, "[1] SELECT 1 I");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_ends_with_its_account_and_with_the_edge() {
    let rig = Rig::start().await;
    let mut client = Client::log_in(&rig).await;
    client.message(b'Q', |out| wire::text(out, LONG)).await;
    rig.users.stamp.send_replace(2);
    let (kind, body) = client.next().await;
    assert_eq!((kind, error_field(&body, b'C')), ('E', "57P01".to_owned()));
    assert_eq!(client.read().await, None);
    let mut client = Client::log_in(&rig).await;
    let ending = tokio::spawn(rig.end());
    assert_eq!(error_field(&client.next().await.1, b'C'), "57P01");
    ending.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logins_are_refused_with_reasons() {
    let rig = Rig::start().await;
    let refused = async |start: Vec<u8>, answer: Option<&str>| {
        let mut client = Client::connect(rig.address).await;
        client.send(&start).await;
        if let Some(secret) = answer {
            assert_eq!(client.next().await.0, 'R');
            client.message(b'p', |out| wire::text(out, secret)).await;
        }
        let (kind, body) = client.next().await;
        assert_eq!(kind, 'E');
        assert_eq!(client.read().await, None);
        error_field(&body, b'C')
    };
    let start = |parameters: &[(&str, &str)]| start_message(3 << 16, parameters);
    assert_eq!(refused(start(&[]), None).await, "28000");
    assert_eq!(refused(start_message(2 << 16, &[("user", "anna")]), None).await, "0A000");
    assert_eq!(refused(start(&[("user", "token")]), Some("twk_bad")).await, "28P01");
    let other = start(&[("user", "token"), ("database", "other")]);
    assert_eq!(refused(other, Some("twk_good")).await, "3D000");
    let copy = start(&[("user", "anna"), ("replication", "database")]);
    assert_eq!(refused(copy, None).await, "0A000");
    assert_eq!(refused(vec![0, 0, 0, 9, 0, 3, 0, 0, 7], None).await, "08P01");
    // Without TLS here, which is told with `N`; beyond loopback, nothing in the clear.
    let mut client = Client::connect(rig.address).await;
    client.send(&[0, 0, 0, 8, 4, 210, 22, 47]).await;
    let mut answer = [0];
    tokio::io::AsyncReadExt::read_exact(&mut client.stream, &mut answer).await.unwrap();
    assert_eq!(answer, *b"N");
    rig.end().await;
    let rig = Rig::start_with(Plaintext::Never).await;
    let mut client = Client::connect(rig.address).await;
    client.send(&start(&[("user", "token")])).await;
    let (_, body) = client.next().await;
    assert_eq!(error_field(&body, b'C'), "28000");
    assert!(error_field(&body, b'H').contains("sslmode=require"));
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_are_none_end_the_connection() {
    let rig = Rig::start().await;
    let too_long = [b'Q', 0x7f, 0xff, 0xff, 0xff];
    for (bytes, state) in [
        (too_long.as_slice(), "54000"),
        (&[b'Q', 0, 0, 0, 3], "08P01"),
        (&[b'?', 0, 0, 0, 4], "08P01"),
        (&[b'B', 0, 0, 0, 8, 0, 0, 255, 255], "08P01"),
        (&[b'Q', 0, 0, 0, 6, 255, 0], "08P01"),
    ] {
        let mut client = Client::log_in(&rig).await;
        client.send(bytes).await;
        let (kind, body) = client.next().await;
        assert_eq!((kind, error_field(&body, b'C').as_str()), ('E', state), "{bytes:?}");
    }
    let mut client = Client::log_in(&rig).await;
    let deep = format!("SELECT 1{}", "+1".repeat(200_000));
    assert_eq!(client.told(&deep).await, "E42601 I");
    let deep = format!("SELECT 1{}", "+1".repeat(200));
    assert_eq!(client.told(&deep).await, "[201] SELECT 1 I");
    let deep = format!("SELECT {}1{}", "(".repeat(100_000), ")".repeat(100_000));
    assert_eq!(client.told(&deep).await, "E42601 I");
    rig.end().await;
}
