//! What psql and other clients send, answered; each case a file of `cases/pg`.

use super::client::psql;
use super::plant::Rig;

/// Runs a blocking client beside the server.
async fn with_psql(input: &'static str) -> (String, String, Rig) {
    let rig = std::sync::Arc::new(Rig::start().await);
    let shared = rig.clone();
    let (out, err) = tokio::task::spawn_blocking(move || psql(&shared, &[], input)).await.unwrap();
    (out, err, std::sync::Arc::into_inner(rig).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_of_psql_answer() {
    let (out, err, rig) = with_psql(
        "\\d\n\\dt\n\\d samples\n\\d+ samples\n\\d \"Press-1\"\n\\d machines\n\\du\n\\df\n\\l\n\\dn\n\\dT int8\n\
         \\conninfo\n\\timing\nSELECT 1 AS one;\n",
    )
    .await;
    println!("{out}\n{err}");
    assert_eq!(err, "");
    for text in [
        "public | boiler            | table | tagwerk",
        "Table \"public.samples\"",
        "value_u64   | numeric                  |",
        "value_bool  | boolean                  |",
        "exact value of a tag of an unsigned integer type",
        "Table \"public.Press-1\"",
        "public | machines          | table | tagwerk",
        "Table \"public.machines\"",
        "anna",
        "time_bucket",
        "\"tagwerk\" as user \"anna\"",
        "one",
    ] {
        assert!(out.contains(text), "{text}:\n{out}");
    }
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn psql_copies_and_is_refused() {
    let (out, err, rig) = with_psql(
        "\\copy (SELECT tag, value_u64 FROM samples WHERE tag = 'strokes' ORDER BY time LIMIT 2) to stdout csv header\n\
         COPY (SELECT 1 AS a) TO STDOUT WITH (FORMAT csv, HEADER);\n\
         \\set FETCH_COUNT 0\nINSERT INTO samples VALUES (1);\nSELECT\n nothing FROM samples;\n",
    )
    .await;
    assert_eq!(
        out,
        "tag,value_u64\nstrokes,18446744073709551615\nstrokes,18446744073709551614\na\n1\n"
    );
    assert!(err.contains("INSERT is not allowed here: history is read only"), "{err}");
    assert!(err.contains("LINE 2:  nothing FROM samples;\n         ^"), "{err}");
    rig.end().await;
}
