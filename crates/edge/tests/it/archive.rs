//! History leaves as files that DuckDB reads as we do, and days in a folder outlive it.

use crate::process::Edge;
use crate::rig::{python, repository, until};
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tagwerk_env::{Env, Moment};
use tagwerk_historian::{Historian, Options};
use tagwerk_journal::{Block, Payload, Span};
use tagwerk_model::{
    BatchBuilder, DataType, Quality, TagDefinition, TagId, TagSet, TagSetDefinition, Value, codec,
};

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;

/// As `duckdb_peer.py` asks for them.
const COLUMNS: &str = "CAST(time AS BIGINT) AS t, device, tag, quality, code, CAST(source_time AS BIGINT) AS s, \
    value_f64, value_i64, value_u64, value_bool, value_text, value_bytes, unit, type";

fn config(rest: &str) -> String {
    format!(
        "version: 1\nedge: {{ name: test-edge }}\ndevices:\n  - name: mixer\n    driver: sim\n    \
         settings: {{}}\n    groups:\n      - name: fast\n        interval: 50ms\n        tags:\n          \
         - {{ name: level, address: \"ramp:0..100\", type: float64, unit: \"%\" }}\n{rest}"
    )
}

/// The day before yesterday, at midnight.
fn begin() -> i64 {
    Env::system().clock.wall().unix_ns.div_euclid(DAY) * DAY - 2 * DAY
}

fn old_tags() -> Arc<TagSet> {
    let tag = |(id, name, data_type): (u32, &str, DataType)| TagDefinition {
        id: TagId(id),
        name: name.into(),
        data_type,
        unit: if id == 9_001 { "bar".into() } else { "".into() },
    };
    let tags = [
        (9_001, "pressure", DataType::Float64),
        (9_002, "signed", DataType::Int64),
        (9_003, "unsigned", DataType::Uint64),
        (9_004, "on", DataType::Bool),
        (9_005, "text", DataType::Text),
        (9_006, "raw", DataType::Bytes),
        (9_007, "list", DataType::List),
    ];
    Arc::new(TagSet::new(TagSetDefinition {
        id: 9_000,
        device: "old".into(),
        group: "slow".into(),
        tags: tags.into_iter().map(tag).collect(),
    }))
}

fn values(i: i64) -> [Value; 7] {
    let floats = [0.1, -0.0, f64::NAN, f64::INFINITY, f64::MIN_POSITIVE, 1e300];
    let signed = [i64::MIN, -1, (1 << 53) + 1, i64::MAX];
    let unsigned = [0, (1 << 53) + 1, u64::MAX];
    let texts = ["", "a \"b\", c\nd", "ü"];
    [
        Value::F64(floats[i as usize % floats.len()]),
        Value::I64(signed[i as usize % signed.len()]),
        Value::U64(unsigned[i as usize % unsigned.len()]),
        Value::Bool(i % 2 == 0),
        Value::Text(texts[i as usize % texts.len()].into()),
        Value::Bytes([0, i as u8, 255].into()),
        Value::List([Value::I64(i), Value::Text("x".into())].into()),
    ]
}

/// Puts samples of yesterday and the day before into the history of an edge that does not run.
fn add_old_samples(data: &Path) {
    let env = Env::system();
    let (historian, _) = Historian::open(&env, &data.join("history"), Options::default()).unwrap();
    let set = old_tags();
    let stored = Arc::new(tagwerk_journal::TagSet {
        id: set.id(),
        revision: 1,
        tags: set.tags().iter().map(|tag| tag.id.0).collect(),
        dictionary: codec::encode_definition(&set.definition),
    });
    let mut next = historian.position();
    for i in 0..600 {
        let unix_ns = begin() + i * 288 * SECOND + 123_456_789;
        let mut builder = BatchBuilder::new(set.clone(), vec![None; set.len()].into());
        for (index, value) in values(i).into_iter().enumerate() {
            match i % 11 == 10 {
                true => builder.put_quality(index, Quality::BAD_TIMEOUT.with_detail(7)),
                false => builder.put(index, value.as_ref()),
            }
            if i % 3 == 0 {
                builder.put_source_time(index, unix_ns - 1);
            }
        }
        let batch = builder.batch(unix_ns as u64, unix_ns, set.len() as u32);
        let mut payload = Vec::new();
        codec::encode_batch(&batch, &mut payload);
        let block = Block {
            span: Span { from: next, to: next + batch.len() as u64 },
            epoch: 1,
            set: stored.clone(),
            boot: [1; 16],
            moment: Moment(batch.moment_ns),
            unix_ns,
            synchronised: true,
            payload: Payload::from(&payload[..]),
        };
        next = block.span.to;
        historian.append(&block, &batch).unwrap();
    }
    historian.seal_all(&|_| Ok(())).unwrap();
}

/// An edge with a past, and this configuration.
fn edge_with_a_past(rest: &str) -> Edge {
    let mut edge = Edge::start();
    assert!(edge.stop().success());
    add_old_samples(edge.data.path());
    edge.restart();
    edge.apply(&config(rest), 0).expect(200);
    edge
}

fn ask(edge: &Edge, query: &str) -> Vec<Vec<Json>> {
    let asked = json!({ "query": query, "text": true, "rows": 100_000 });
    let answer = until("the statement is answered", || {
        let reply = edge.local().post("/api/v1/sql", &asked);
        // While the archive is being opened, older samples are refused.
        (!reply.text().contains("still being opened")).then_some(reply)
    });
    serde_json::from_value(answer.expect(200).json()["rows"].clone()).unwrap()
}

fn old_rows(edge: &Edge) -> Vec<Vec<Json>> {
    let end = begin() + 2 * DAY;
    ask(
        edge,
        &format!(
            "SELECT {COLUMNS} FROM samples WHERE device = 'old' AND CAST(time AS BIGINT) < {end} \
             ORDER BY device, tag, time"
        ),
    )
}

fn duckdb(arguments: &[&Path]) -> Vec<Vec<Json>> {
    let output = python("duckdb_peer.py").args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Doubles are compared as numbers, since each writes them in its own way; all else to the letter.
fn check_same(a: &[Vec<Json>], b: &[Vec<Json>]) {
    assert_eq!(a.len(), b.len());
    let number = |cell: &Json| cell.as_str().map(|text| text.parse::<f64>().unwrap().to_bits());
    for (a, b) in a.iter().zip(b) {
        for (column, (a_cell, b_cell)) in a.iter().zip(b).enumerate() {
            match column {
                6 => assert_eq!(number(a_cell), number(b_cell), "{a:?}\n{b:?}"),
                _ => assert_eq!(a_cell, b_cell, "column {column}\n{a:?}\n{b:?}"),
            }
        }
    }
}

#[test]
fn duckdb_reads_an_export_as_statements_and_the_api_do() {
    let edge = edge_with_a_past("");
    let samples = until("samples come into history", || {
        let path = "/api/v1/devices/mixer/tags/level/samples?points=10000";
        let answer = edge.local().get(path).expect(200).json();
        let samples = answer["samples"].as_array().unwrap().clone();
        (samples.len() >= 20).then_some(samples)
    });
    let all = edge.data.path().join("all.parquet");
    let out = all.to_str().unwrap();
    let told = edge.cli(&["export", "history", "--out", out, "--tag", "old/*"]);
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let rows = duckdb(&[&all]);
    assert!(rows.len() > 4_000, "{}", rows.len());
    check_same(
        &rows,
        &ask(
            &edge,
            &format!(
                "SELECT {COLUMNS} FROM samples WHERE device = 'old' \
         ORDER BY device, tag, time"
            ),
        ),
    );
    assert!(rows.iter().any(|row| row[7] == "-9223372036854775808"));
    assert!(rows.iter().any(|row| row[8] == "18446744073709551615"));

    // One tag by its name, replacing the file; beside the endpoint of its samples.
    let told = edge.cli(&["export", "history", "--out", out, "--tag", "mixer.level"]);
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let rows = duckdb(&[&all]);
    assert!(rows.len() >= samples.len());
    for (row, sample) in rows.iter().zip(&samples) {
        let value: f64 = row[6].as_str().unwrap().parse().unwrap();
        assert_eq!(sample["text"].as_str().unwrap().parse::<f64>().unwrap(), value);
        assert_eq!(row[4].as_str().unwrap(), sample["code"].to_string());
        let nanos: i64 = row[0].as_str().unwrap().parse().unwrap();
        let time = tagwerk_model::format_unix_ns(nanos);
        assert_eq!(sample["time"].as_str().unwrap(), time);
    }
    let left = std::fs::read_dir(edge.data.path()).unwrap();
    let names = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(names.filter(|name| name.contains("parquet")).eq(["all.parquet".to_owned()]));
}

#[test]
fn an_export_is_chosen_and_refused_with_reasons() {
    let edge = edge_with_a_past("");
    let viewer = edge.with_role("viewer");
    let from = tagwerk_model::format_unix_ns(begin());
    let to = tagwerk_model::format_unix_ns(begin() + 600 * SECOND);
    let path = format!("/api/v1/history/export?format=csv&from={from}&to={to}&tag=old.signed");
    let csv = viewer.get(&path);
    let text = csv.expect(200).text();
    let rows: Vec<&str> = text.lines().filter(|line| line.contains(",old,signed,")).collect();
    assert_eq!(rows.len(), 3, "{text}");
    let day = &from[..10];
    let wanted = format!(
        "{day}T00:00:00.123456789Z,old,signed,-9.223372036854776e18,good,0,\
         {day}T00:00:00.123456788Z,,-9223372036854775808,,,,,,int64"
    );
    assert_eq!(rows[0], wanted);
    assert!(csv.header("content-disposition").unwrap().contains("test-edge-history-"));
    let refused = |query: &str| {
        let reply = viewer.get(&format!("/api/v1/history/export?{query}"));
        reply.refusal(400, "invalid")["message"].as_str().unwrap().to_owned()
    };
    assert!(refused("format=xlsx").contains("xlsx"));
    assert!(refused("tag=nothing.here").contains("`nothing.here` matches no tag"));
    assert!(refused("tags=old.signed").contains("`tags`"));
    assert!(refused(&format!("from={to}&to={from}")).contains("later"));
    edge.nobody().get("/api/v1/history/export").refusal(401, "unauthenticated");
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn an_archived_day_is_still_there_when_history_forgot_it() {
    let place = tempfile::tempdir().unwrap();
    let archive = format!("archive: {{ folder: {} }}\n", place.path().display());
    let mut edge = edge_with_a_past(&archive);
    let files = until("both days are archived", || {
        let files = files(place.path());
        let named = |file: &PathBuf| file.extension().is_some_and(|e| e == "parquet");
        (files.len() == 2 && files.iter().all(named)).then_some(files)
    });
    let before = old_rows(&edge);
    assert_eq!(before.len(), 600 * 7);
    let paths: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    check_same(&before, &duckdb(&paths));

    assert!(edge.stop().success());
    std::fs::remove_dir_all(edge.data.path().join("history")).unwrap();
    edge.restart();
    check_same(&before, &old_rows(&edge));
    let newest =
        ask(&edge, "SELECT tag FROM samples WHERE device = 'old' ORDER BY time DESC, tag LIMIT 2");
    assert_eq!(newest, [[json!("list")], [json!("on")]]);
    let text = edge.with_role("viewer").get("/api/v1/history/export?format=csv&tag=old/*");
    assert!(text.expect(200).text().contains(",18446744073709551615,"));

    // Without the archive there is nothing to be seen: it was the files that answered.
    edge.apply(&config(""), 1).expect(200);
    assert_eq!(old_rows(&edge).len(), 0);
}

#[test]
fn a_folder_that_is_not_there_is_a_problem_with_a_remedy() {
    let edge = Edge::with_config(&config("archive: { folder: /nowhere/at/all }\n"));
    let problem = until("the problem is told", || {
        let status = edge.local().get("/api/v1/status").expect(200).json();
        let problems = status["problems"].as_array().unwrap().clone();
        problems.into_iter().find(|problem| problem["subject"] == "archive")
    });
    let cause = problem["cause"].as_str().unwrap();
    assert!(cause.contains("there is no folder /nowhere/at/all"), "{problem}");
    assert!(problem["remedy"].as_str().unwrap().contains("mount the disk"), "{problem}");
}

/// An S3 store beside the test.
struct Store {
    child: std::process::Child,
    told: Json,
}

impl Store {
    fn start() -> Store {
        use std::io::BufRead;
        use std::process::{Command, Stdio};
        // Its own Python, the script of another crate's tests.
        let peer = repository().join("crates/archive/tests/peers/s3_peer.py");
        let mut child = Command::new(python("duckdb_peer.py").get_program())
            .arg(peer)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let output = child.stdout.take().unwrap();
        std::io::BufReader::new(output).read_line(&mut line).unwrap();
        Store { child, told: serde_json::from_str(&line).unwrap() }
    }

    fn archive(&self, port: &Json) -> String {
        format!(
            "archive:\n  bucket: {{ endpoint: \"http://127.0.0.1:{port}\", name: plant-history, \
             access_key: {}, secret_key: {{ secret: store }} }}\n",
            self.told["access_key"].as_str().unwrap()
        )
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn archive_problem(edge: &Edge) -> Option<Json> {
    let status = edge.local().get("/api/v1/status").expect(200).json();
    let problems = status["problems"].as_array().unwrap().clone();
    problems.into_iter().find(|problem| problem["subject"] == "archive")
}

#[test]
fn days_in_a_bucket_answer_statements_when_history_forgot_them() {
    let store = Store::start();
    let mut edge = edge_with_a_past(&store.archive(&store.told["port"]));
    let problem = until("the missing secret is told", || archive_problem(&edge));
    assert!(problem["cause"].as_str().unwrap().contains("no secret `store`"), "{problem}");
    let secret = store.told["secret_key"].as_str().unwrap().to_owned();
    edge.local().send_json("PUT", "/api/v1/secrets/store", &json!({ "value": secret })).expect(200);
    let events = until("both days are archived", || {
        let rows = ask(&edge, "SELECT text FROM events WHERE text LIKE '%archived in s3://%'");
        (rows.len() == 2).then_some(rows)
    });
    assert!(format!("{events:?}").contains("s3://plant-history/test-edge/samples-"), "{events:?}");
    assert_eq!(archive_problem(&edge), None);
    let before = old_rows(&edge);
    assert_eq!(before.len(), 600 * 7);

    assert!(edge.stop().success());
    std::fs::remove_dir_all(edge.data.path().join("history")).unwrap();
    std::fs::remove_dir_all(edge.data.path().join("archive-cache")).unwrap();
    edge.restart();
    check_same(&before, &old_rows(&edge));

    // Where the store is gone, statements that need it are refused, and others are not.
    drop(store);
    assert!(edge.stop().success());
    std::fs::remove_dir_all(edge.data.path().join("archive-cache")).unwrap();
    edge.restart();
    let problem = until("the store is missed", || archive_problem(&edge));
    assert!(problem["cause"].as_str().unwrap().contains("cannot be reached"), "{problem}");
    assert!(!problem.to_string().contains(&secret), "{problem}");
}
