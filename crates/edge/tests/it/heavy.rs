//! Heavy statements: they delay no poll, get no more memory than they may have, and end with whoever
//! asked.

use crate::process::{Edge, PASSWORD};
use crate::rig::until;
use serde_json::{Value, json};
use std::io::BufReader;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use tagwerk_model::limits;

/// More pairs than any machine goes through while a test waits.
const PAIRS: &str = "SELECT count(*) FROM samples a CROSS JOIN samples b \
                     WHERE a.value_f64 < b.value_f64 AND a.value_f64 * b.value_f64 > 1e9";
/// More numbers than any machine adds up while a test waits.
const ENDLESS: &str = "SELECT sum(value) FROM generate_series(1, 1000000000000)";
/// Takes as much memory as a statement may have, and then some.
const GREEDY: &str = "SELECT time, device, tag, value_f64 FROM samples \
                      ORDER BY value_f64 * 7 % 3, tag DESC, time DESC";
/// Polls of a phase, of each device.
const POLLS: u64 = 12;
/// Questions between two looks at a counter that must stand still.
const QUESTIONS: usize = 20;

/// Four devices of 50 tags, read every half second.
fn plant() -> String {
    let mut text = "version: 1\nedge: { name: heavy }\ndevices:\n".to_owned();
    for device in 0..4 {
        text.push_str(&format!(
            "  - name: press-{device}\n    driver: sim\n    groups:\n      - name: all\n        \
             interval: 500ms\n        tags:\n"
        ));
        for tag in 0..50 {
            text.push_str(&format!(
                "          - {{ name: t{tag}, address: \"ramp:0..100\", type: float64, unit: \"°C\" }}\n"
            ));
        }
    }
    text
}

/// An edge with half a day of these tags: some 850,000 samples.
fn edge() -> Edge {
    let (edge, made) = Edge::with_past(&plant(), "12h", "10s");
    let samples = made["samples"].as_u64().unwrap();
    assert!(samples > 800_000, "{made}");
    edge
}

/// Sends a statement and waits for no answer.
fn begin(edge: &Edge, statement: &str) -> BufReader<TcpStream> {
    let body = json!({ "query": statement, "timeout_ms": 300_000 }).to_string();
    let http = edge.local().with("Content-Type", "application/json");
    http.open("POST", "/api/v1/sql", Some(body.as_bytes()))
}

fn ask(edge: &Edge, statement: &str) -> crate::http::Reply {
    edge.local().post("/api/v1/sql", &json!({ "query": statement }))
}

/// What the kernel counted for the threads that work on statements, in nanoseconds, and whether one
/// of them works or waits for a processor.
fn look(edge: &Edge) -> (u64, bool) {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", edge.id())).unwrap();
    let of = |task: std::io::Result<std::fs::DirEntry>| -> Option<(u64, bool)> {
        let task = task.ok()?.path();
        // A thread may end while it is looked at.
        if std::fs::read_to_string(task.join("comm")).ok()?.trim() != "sql" {
            return None;
        }
        let text = std::fs::read_to_string(task.join("schedstat")).ok()?;
        let stat = std::fs::read_to_string(task.join("stat")).ok()?;
        let runs = stat.rsplit_once(") ")?.1.starts_with('R');
        Some((text.split(' ').next()?.parse().ok()?, runs))
    };
    tasks.filter_map(of).fold((0, false), |sum, one| (sum.0 + one.0, sum.1 | one.1))
}

fn work(edge: &Edge) -> u64 {
    look(edge).0
}

fn wait_for_work(edge: &Edge) {
    let before = work(edge);
    until("a statement is at work", || (work(edge) > before + 50_000_000).then_some(()));
}

/// Until nothing is done for statements any more, while the edge answers others. A thread that
/// waits for a busy processor is not at rest.
fn wait_for_rest(edge: &Edge) {
    let local = edge.local();
    until("the work has ended", || {
        let before = work(edge);
        let ran = (0..QUESTIONS).any(|_| {
            local.get("/api/v1/status").expect(200);
            look(edge).1
        });
        (!ran && work(edge) == before).then_some(())
    });
}

/// Requests, late polls and polls left out, of all devices.
fn polls(edge: &Edge) -> [u64; 3] {
    let devices = edge.local().get("/api/v1/devices").expect(200).json();
    let mut sums = [0; 3];
    for device in devices["items"].as_array().unwrap() {
        for (sum, name) in sums.iter_mut().zip(["requests", "late_polls", "missed_polls"]) {
            *sum += device["counters"][name].as_u64().unwrap();
        }
    }
    sums
}

/// Late polls and polls left out while so many polls pass.
fn watch(edge: &Edge, what: &str) -> [u64; 2] {
    let before = polls(edge);
    let after = until(what, || {
        let now = polls(edge);
        (now[0] >= before[0] + 4 * POLLS).then_some(now)
    });
    [after[1] - before[1], after[2] - before[2]]
}

#[test]
fn polls_go_on_beside_heavy_statements() {
    let edge = edge();
    until("polling has begun", || (polls(&edge)[0] >= 8).then_some(()));
    let [late, missed] = watch(&edge, "polls with nothing beside them");
    println!("alone: {late} late, {missed} left out");
    assert_eq!(missed, 0);
    let joins = [begin(&edge, PAIRS), begin(&edge, PAIRS)];
    wait_for_work(&edge);
    let working = work(&edge);
    let sort = begin(&edge, GREEDY);
    let [late, missed] = watch(&edge, "polls beside two joins and a sort");
    println!("beside heavy statements: {late} late, {missed} left out");
    assert!(work(&edge) > working, "the statements were at work meanwhile");
    assert_eq!(missed, 0);
    drop((joins, sort));
}

#[test]
fn a_statement_that_wants_too_much_memory_is_refused_with_the_reason() {
    let edge = edge();
    let refusal = ask(&edge, GREEDY).refusal(422, "limit");
    let message = refusal["message"].as_str().unwrap();
    assert!(message.contains("more memory than one may have"), "{refusal}");
    assert!(refusal["remedy"].as_str().unwrap().contains("fewer tags or less time"), "{refusal}");
    let few = "SELECT count(*) FROM samples WHERE tag = 't7' AND device = 'press-1'";
    ask(&edge, few).expect(200);
    wait_for_rest(&edge);
}

#[test]
fn whoever_hangs_up_ends_the_work() {
    let edge = edge();
    let each = [ENDLESS, PAIRS].into_iter().cycle().take(limits::SQL_STATEMENTS_MAX);
    let mut all: Vec<_> = each.map(|statement| begin(&edge, statement)).collect();
    until("every turn is taken", || {
        if ask(&edge, "SELECT 1").status == 503 {
            return Some(());
        }
        // The question itself may have taken the turn of one of them, which was refused then.
        all.push(begin(&edge, ENDLESS));
        None
    });
    wait_for_work(&edge);
    drop(all);
    until("there is a turn again", || (ask(&edge, "SELECT 1").status == 200).then_some(()));
    wait_for_rest(&edge);
    // Rows on their way to a file end as well.
    let query = "SELECT value FROM generate_series(1, 1000000000000) WHERE value % 1000000 = 0";
    let body = json!({ "query": query, "rows": limits::SQL_ROWS_MAX, "timeout_ms": 300_000 });
    let http = edge.local().with("Content-Type", "application/json").with("Accept", "text/csv");
    let stream = http.open("POST", "/api/v1/sql", Some(body.to_string().as_bytes()));
    wait_for_work(&edge);
    drop(stream);
    wait_for_rest(&edge);
}

fn psql(edge: &Edge, statement: &str) -> Child {
    Command::new("psql")
        .args(["-X", "-h", "localhost", "-U", "anna", "-d", "tagwerk", "-c", statement])
        .env("PGPORT", edge.postgres.rsplit_once(':').unwrap().1)
        .env("PGPASSWORD", PASSWORD)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("psql is installed by cargo xtask setup")
}

#[test]
fn postgres_clients_end_it_by_asking_or_by_going() {
    let edge = edge();
    edge.set_up();
    // An interrupt makes psql send a CancelRequest.
    let client = psql(&edge, ENDLESS);
    wait_for_work(&edge);
    // SAFETY: sends a signal to a child that has not been waited for.
    #[allow(unsafe_code)]
    let sent = unsafe { libc::kill(client.id() as i32, libc::SIGINT) };
    assert_eq!(sent, 0);
    let said = client.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.contains("canceling statement due to user request"), "{said}");
    wait_for_rest(&edge);

    let mut client = psql(&edge, ENDLESS);
    wait_for_work(&edge);
    client.kill().unwrap();
    client.wait().unwrap();
    wait_for_rest(&edge);
    let status: Value = edge.local().get("/api/v1/status").expect(200).json();
    assert!(status["tags"]["total"].as_u64().unwrap() >= 200, "{status}");
}
