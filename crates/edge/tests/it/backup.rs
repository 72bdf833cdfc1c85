//! Backup and restore: all of it comes back, or nothing changes.

use crate::http::{Http, Reply};
use crate::process::{Edge, MIXER, PASSWORD, cookie, tagwerk};
use crate::rig::until;
use serde_json::{Value, json};

const PHRASE: &str = "correct horse battery";

fn backup(edge: &Edge) -> Vec<u8> {
    let reply = edge.local().post("/api/v1/backup", &json!({ "passphrase": PHRASE }));
    let name = reply.expect(200).header("content-disposition").unwrap().to_owned();
    assert!(name.contains("tagwerk-test-edge-") && name.ends_with(".backup\""), "{name}");
    let length: usize = reply.header("content-length").unwrap().parse().unwrap();
    assert_eq!(length, reply.body.len());
    reply.body
}

fn restore(http: &Http, file: &[u8], phrase: &str, apply: bool) -> Reply {
    let http = http.with("X-Passphrase", phrase).with("Content-Type", "application/octet-stream");
    http.send("POST", &format!("/api/v1/restore?apply={apply}"), Some(file))
}

/// An edge with something of everything.
fn furnished() -> Edge {
    let edge = Edge::with_config(MIXER);
    edge.set_up();
    let local = edge.local();
    local
        .send_json("PUT", "/api/v1/secrets/mqtt", &json!({ "value": "kanarienvogel" }))
        .expect(200);
    let pem = rcgen::generate_simple_self_signed(vec!["press".to_owned()]).unwrap().cert.pem();
    local.post("/api/v1/certificates", &json!({ "pem": pem })).expect(200);
    local.post("/api/v1/tokens", &json!({ "name": "grafana", "role": "viewer" })).expect(200);
    edge
}

/// What of an edge a backup must bring back.
fn state(edge: &Edge) -> Value {
    let local = edge.local();
    let get = |path: &str| local.get(path).expect(200).json();
    let mut secrets = get("/api/v1/secrets");
    for item in secrets["items"].as_array_mut().unwrap() {
        item.as_object_mut().unwrap().remove("changed_at");
    }
    json!({
        "config": local.get("/api/v1/config").text(),
        "revisions": get("/api/v1/config/revisions"),
        "users": get("/api/v1/users")["items"][0]["username"],
        "tokens": get("/api/v1/tokens")["items"],
        "secrets": secrets,
        "trusted": get("/api/v1/certificates")["trusted"],
    })
}

#[test]
fn a_restore_brings_everything_back_and_ends_the_sessions() {
    let edge = furnished();
    let before = state(&edge);
    let file = backup(&edge);
    let text = String::from_utf8_lossy(&file);
    for word in ["kanarienvogel", "mixer", "anna", "argon2", "SQLite"] {
        assert!(!text.contains(word), "{word} can be read in the backup");
    }
    // All of it is changed.
    let local = edge.local();
    edge.apply(&MIXER.replace("100ms", "300ms"), 1).expect(200);
    local.send_json("PUT", "/api/v1/secrets/mqtt", &json!({ "value": "zeisig" })).expect(200);
    local.send_json("PUT", "/api/v1/secrets/more", &json!({ "value": "zeisig" })).expect(200);
    let print = before["trusted"][0]["fingerprint"].as_str().unwrap();
    local.send("DELETE", &format!("/api/v1/certificates/{print}"), None).expect(204);
    let token = before["tokens"][0]["id"].as_str().unwrap();
    local.send("DELETE", &format!("/api/v1/tokens/{token}"), None).expect(204);
    let login = json!({ "username": "anna", "password": PASSWORD });
    let session = edge.nobody().post("/api/v1/login", &login);
    let session = cookie(session.expect(200).header("set-cookie").unwrap()).to_owned();
    let changed = state(&edge);
    assert_ne!(changed, before);

    let looked = restore(&local, &file, PHRASE, false).expect(200).json();
    assert_eq!((&looked["edge"], &looked["revision"]), (&json!("test-edge"), &json!(1)));
    assert_eq!((&looked["secrets"], &looked["users"]), (&json!(["mqtt"]), &json!(1)));
    assert_eq!((&looked["findings"], &looked["applied"]), (&json!([]), &json!(false)));
    assert_eq!(state(&edge), changed, "looking changes nothing");

    let applied = restore(&local, &file, PHRASE, true).expect(200).json();
    assert_eq!(applied["applied"], true);
    assert_eq!(state(&edge), before);
    edge.nobody().with("Cookie", &session).get("/api/v1/me").refusal(401, "unauthenticated");
    edge.nobody().post("/api/v1/login", &login).expect(200);
    let events = local.get("/api/v1/events?kind=system").json();
    let texts: Vec<&str> =
        events["items"].as_array().unwrap().iter().map(|e| e["text"].as_str().unwrap()).collect();
    assert!(texts[0].starts_with("put back the backup of test-edge"), "{texts:?}");
    assert_eq!(texts[1], "made a backup");
    // A tag keeps its number and with it its past.
    let past = local.get("/api/v1/devices/mixer/tags/level/samples").expect(200).json();
    assert!(!past["samples"].as_array().unwrap().is_empty());
    let left = edge.data.path().join("restore").read_dir().unwrap().count();
    assert_eq!((left, edge.data.path().join("backup").read_dir().unwrap().count()), (0, 0));
}

#[test]
fn a_bare_edge_becomes_the_one_that_was_lost() {
    let lost = furnished();
    let before = state(&lost);
    let file = backup(&lost);
    drop(lost);
    let mut edge = Edge::start();
    let answer = restore(&edge.local(), &file, "correct%20horse%20battery", true);
    let findings = answer.expect(200).json()["findings"].clone();
    assert!(findings.to_string().contains("the backup is of the edge test-edge"), "{findings}");
    assert_eq!(state(&edge), before);
    edge.kill();
    edge.restart();
    assert_eq!(state(&edge), before);
    assert_eq!(edge.setup, None, "it has its administrator");
}

#[test]
fn what_is_no_good_backup_changes_nothing() {
    let edge = furnished();
    let before = state(&edge);
    let file = backup(&edge);
    let local = edge.local();
    let weak = json!({ "passphrase": "short" });
    local.post("/api/v1/backup", &weak).refusal(400, "invalid");
    let check = |file: &[u8], phrase: &str, words: &str| {
        let error = restore(&local, file, phrase, true).refusal(400, "invalid");
        assert!(error["message"].as_str().unwrap().contains(words), "{error}");
        assert!(!error.to_string().contains(phrase), "{error}");
    };
    check(&file, "another horse battery", "passphrase is wrong");
    check(&file[..file.len() - 1], PHRASE, "damaged or cut off");
    check(&file[..100], PHRASE, "damaged or cut off");
    check(b"", PHRASE, "no backup of Tagwerk");
    check(b"PK\x03\x04 something else", PHRASE, "no backup of Tagwerk");
    let mut newer = file.clone();
    newer[8] = 9;
    check(&newer, PHRASE, "later version");
    let mut changed = file.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    check(&changed, PHRASE, "damaged");
    local.send("POST", "/api/v1/restore", Some(&file)).refusal(400, "invalid");
    assert_eq!(state(&edge), before);
}

#[test]
fn killed_at_any_moment_an_edge_has_the_old_state_or_the_new() {
    let mut edge = furnished();
    let old = state(&edge);
    let file = backup(&edge);
    edge.apply(&MIXER.replace("100ms", "300ms"), 1).expect(200);
    let newer = backup(&edge);
    let new = state(&edge);
    assert_ne!(old, new);
    for round in 0..8u64 {
        let (target, other) = if round % 2 == 0 { (&file, &new) } else { (&newer, &old) };
        let local = edge.local();
        let target = target.clone();
        let asking = std::thread::spawn(move || {
            let http = local.with("X-Passphrase", PHRASE);
            // The edge dies under it, or answers just before.
            let _ = std::panic::catch_unwind(|| {
                http.send("POST", "/api/v1/restore?apply=true", Some(&target)).status
            });
        });
        crate::rig::until("the restore has begun", || {
            let folder = edge.data.path().join("restore");
            let begun = folder.read_dir().is_ok_and(|mut files| files.next().is_some());
            (begun || asking.is_finished()).then_some(())
        });
        // A little later every time.
        let mut looks = round * 4;
        crate::rig::until("its moment", || {
            looks = looks.saturating_sub(1);
            (looks == 0 || asking.is_finished()).then_some(())
        });
        edge.kill();
        asking.join().unwrap();
        edge.restart();
        let now = state(&edge);
        assert!([&old, &new].contains(&&now), "round {round}: {now} {other}");
    }
}

#[test]
fn the_command_line_backs_up_and_restores_with_and_without_an_edge() {
    let mut edge = furnished();
    let before = state(&edge);
    let path = edge.data.path().join("site.backup");
    let file = path.to_str().unwrap().to_owned();
    let phrase = format!("{PHRASE}\n");
    let output = edge.cli_with_input(&["backup", &file], &phrase);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    edge.apply(&MIXER.replace("100ms", "300ms"), 1).expect(200);
    let output = edge.cli_with_input(&["restore", &file], &phrase);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("test-edge") && text.contains("--apply"), "{text}");
    let output = edge.cli_with_input(&["restore", &file, "--apply"], &phrase);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(state(&edge), before);

    edge.apply(&MIXER.replace("100ms", "300ms"), 1).expect(200);
    let output = edge.cli_with_input(&["restore", &file, "--apply", "--offline"], &phrase);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && text.contains("stop"), "the edge runs: {text}");
    assert!(edge.stop().success());
    let output = edge.cli_with_input(&["restore", &file, "--apply", "--offline"], &phrase);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    edge.restart();
    assert_eq!(state(&edge), before);
    let nowhere = tempfile::tempdir().unwrap();
    let output = tagwerk(nowhere.path()).args(["restore", "/nowhere/x"]).output().unwrap();
    assert!(!output.status.success());
}

#[test]
fn the_files_of_tables_come_back_and_the_tables_with_them() {
    const TABLES: &str = "
tables:
  - { name: limits, csv: { path: plant/limits.csv } }
  - { name: orders, sqlite: { path: mes.db, query: SELECT number FROM orders ORDER BY number } }
";
    let edge = Edge::with_config(MIXER);
    edge.set_up();
    let files = edge.data.path().join("files");
    std::fs::create_dir_all(files.join("plant")).unwrap();
    std::fs::write(files.join("plant/limits.csv"), "tag,most\nlevel,90\n").unwrap();
    let mes = rusqlite::Connection::open(files.join("mes.db")).unwrap();
    // What was written last is in a log beside the file.
    mes.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; \
         CREATE TABLE orders (number INTEGER); INSERT INTO orders VALUES (4711);",
    )
    .unwrap();
    edge.apply(&format!("{MIXER}{TABLES}"), 1).expect(200);
    let rows = |edge: &Edge, wanted: &Value| {
        until("the tables' rows", || {
            let ask = |query: &str| {
                let answer = edge.local().post("/api/v1/sql", &json!({ "query": query }));
                (answer.status == 200).then(|| answer.json()["rows"].clone())
            };
            let found = json!([ask("SELECT most FROM limits")?, ask("SELECT number FROM orders")?]);
            (found == *wanted).then_some(())
        });
    };
    rows(&edge, &json!([[[90]], [[4711]]]));
    let file = backup(&edge);
    mes.execute_batch("UPDATE orders SET number = 1;").unwrap();
    drop(mes);
    std::fs::write(files.join("plant/limits.csv"), "tag,most\nlevel,10\n").unwrap();

    let restored = restore(&edge.local(), &file, PHRASE, true).expect(200).json();
    assert_eq!(restored["findings"], json!([]), "{restored}");
    rows(&edge, &json!([[[90]], [[4711]]]));

    // Another edge, which has none of them.
    let other = Edge::start();
    restore(&other.local(), &file, PHRASE, true).expect(200);
    rows(&other, &json!([[[90]], [[4711]]]));

    // What is not there is told by the one who looks.
    std::fs::remove_file(files.join("plant/limits.csv")).unwrap();
    let looked = restore(&edge.local(), &backup(&edge), PHRASE, false).expect(200).json();
    let problem = looked["findings"][0]["problem"].as_str().unwrap();
    assert!(problem.contains("no file files/plant/limits.csv"), "{looked}");
}
