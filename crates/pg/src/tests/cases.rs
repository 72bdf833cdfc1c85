//! Statements that clients are known to send, each from `cases/pg`.
#![allow(clippy::disallowed_methods)]

use super::client::{Client, error_field};
use super::plant::Rig;
use std::path::Path;

/// A statement, and what the line before it wants.
struct Case {
    wanted: String,
    text: String,
}

fn cases(text: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    let (mut wanted, mut statement) = (String::new(), String::new());
    for line in text.lines() {
        match line.strip_prefix("-- ") {
            Some(comment) if statement.is_empty() => wanted = comment.to_owned(),
            _ => {
                statement.push_str(line);
                statement.push('\n');
                if line.ends_with(';') {
                    let text = std::mem::take(&mut statement);
                    cases.push(Case { wanted: std::mem::take(&mut wanted), text });
                }
            }
        }
    }
    cases
}

/// What is wrong with the answer; none where it is as wanted.
fn judge(case: &Case, messages: &[(char, Vec<u8>)]) -> Option<String> {
    let error = messages
        .iter()
        .find(|(kind, _)| *kind == 'E')
        .map(|(_, body)| format!("{} {}", error_field(body, b'C'), error_field(body, b'M')));
    let rows = messages.iter().filter(|(kind, _)| *kind == 'D').count();
    match (case.wanted.split_once(": "), error) {
        (Some(("refused", state)), Some(error)) if error.starts_with(state) => None,
        (Some(("refused", state)), found) => Some(format!("wanted {state}, found {found:?}")),
        (_, Some(error)) => Some(error),
        (Some(("rows", count)), None) if count.parse() == Ok(rows) => None,
        (Some(("rows", count)), None) => Some(format!("wanted {count} rows, found {rows}")),
        (_, None) => (rows == 0).then(|| "no rows".to_owned()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_of_known_clients_are_answered() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/pg");
    let rig = Rig::start().await;
    let mut wrong = String::new();
    for client in ["grafana", "psycopg", "jdbc", "npgsql", "refused"] {
        let text = std::fs::read_to_string(folder.join(format!("{client}.sql"))).unwrap();
        let cases = cases(&text);
        assert!(cases.len() > 5, "{client}");
        let mut connection = Client::log_in(&rig).await;
        for case in &cases {
            let messages = connection.query(&case.text).await;
            if let Some(why) = judge(case, &messages) {
                wrong.push_str(&format!("{client}: {why}\n{}\n", case.text));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    rig.end().await;
}
