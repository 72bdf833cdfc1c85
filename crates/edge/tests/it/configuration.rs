//! Applying, comparing and taking back configurations.

use crate::process::{Edge, MIXER, many_tags};
use serde_json::json;

#[test]
fn a_configuration_is_applied_read_back_compared_and_rolled_back() {
    let edge = Edge::start();
    let local = edge.local();
    local.get("/api/v1/config").refusal(404, "not_found");
    let applied = edge.apply(MIXER, 0);
    let applied = applied.expect(200).json();
    assert_eq!(applied["revision"], 1);
    let running = local.get("/api/v1/config");
    assert_eq!(running.expect(200).header("etag"), Some("\"1\""));
    assert_eq!(running.text(), MIXER);
    let as_json = local.with("Accept", "application/json").get("/api/v1/config").json();
    assert_eq!(as_json["text"], MIXER);
    assert_eq!(as_json["by"], "local");

    let edited = MIXER.replace("100ms", "200ms");
    let diff = local.send("POST", "/api/v1/config/diff", Some(edited.as_bytes()));
    let diff = diff.expect(200).json();
    assert_eq!(diff["changes"].as_array().unwrap().len(), 1, "{diff}");
    let effect = json!([{ "device": "mixer", "kind": "changes", "groups": ["fast"] }]);
    assert_eq!(diff["effects"], effect);
    assert_eq!(edge.apply(&edited, 1).expect(200).json()["changes"], 1);

    let back = local.post("/api/v1/config/rollback", &json!({ "revision": 1 }));
    assert_eq!(back.expect(200).json()["revision"], 3);
    assert_eq!(local.get("/api/v1/config").text(), MIXER);
    let missing = json!({ "revision": 99 });
    local.post("/api/v1/config/rollback", &missing).refusal(404, "not_found");
    let page = local.get("/api/v1/config/revisions?limit=2").expect(200).json();
    assert_eq!((&page["total"], &page["next"]), (&json!(3), &json!(2)));
    let newest = &page["items"][0];
    assert_eq!((&newest["revision"], &newest["active"]), (&json!(3), &json!(true)));
    assert_eq!((&newest["devices"], &newest["tags"]), (&json!(1), &json!(2)));
    assert_eq!(newest["comment"], "back to revision 1");
    let first = local.get("/api/v1/config/revisions/1").expect(200).json();
    assert_eq!((&first["text"], &first["active"]), (&json!(MIXER), &json!(false)));
    let status = local.get("/api/v1/status").expect(200).json();
    assert_eq!(status["edge"], "test-edge");
    assert_eq!(status["description"], "An edge under test");
    assert_eq!(status["config"]["revision"], 3);
}

#[test]
fn of_two_who_save_at_once_the_second_is_told() {
    let edge = Edge::start();
    edge.apply(MIXER, 0).expect(200);
    let engineer = edge.with_role("engineer");
    let body = Some(MIXER.as_bytes());
    engineer.send("PUT", "/api/v1/config", body).refusal(428, "conflict");
    let error = edge.apply(MIXER, 0).refusal(412, "conflict");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("revision 1") && message.contains("local"), "{message}");
    let racers: Vec<u16> = std::thread::scope(|scope| {
        let race = || scope.spawn(|| edge.apply(MIXER, 1).status);
        let racers: Vec<_> = (0..4).map(|_| race()).collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).collect()
    });
    assert_eq!(racers.iter().filter(|status| **status == 200).count(), 1, "{racers:?}");
    assert_eq!(racers.iter().filter(|status| **status == 412).count(), 3, "{racers:?}");
}

#[test]
fn a_bad_document_changes_nothing() {
    let edge = Edge::with_config(MIXER);
    let bad = MIXER.replace("ramp:0..100", "rampe:0..100").replace("100ms", "100");
    let error = edge.apply(&bad, 1).refusal(422, "invalid");
    let findings = error["findings"].as_array().unwrap();
    assert!(findings.len() >= 2, "{error}");
    for finding in findings {
        assert!(finding["line"].as_u64().unwrap() > 1, "{finding}");
        assert!(finding["path"].as_str().unwrap().starts_with("devices[mixer]"), "{finding}");
    }
    let local = edge.local();
    assert_eq!(local.get("/api/v1/config").header("etag"), Some("\"1\""));
    assert_eq!(local.get("/api/v1/config/revisions").json()["total"], 1);
    let lint = local.send("POST", "/api/v1/config/lint", Some(bad.as_bytes())).expect(200).json();
    assert_eq!((&lint["ok"], &lint["findings"]), (&json!(false), &error["findings"]));
    local.send("POST", "/api/v1/config/lint", Some(b"\xff\xfe")).refusal(400, "invalid");
}

#[test]
fn a_document_of_a_hundred_megabytes_is_refused_by_name_of_the_limit() {
    let edge = Edge::start();
    let large = vec![b'#'; 100 * 1000 * 1000];
    let reply = edge.local().send("POST", "/api/v1/config/lint", Some(&large));
    let error = reply.refusal(413, "too_large");
    assert!(error["message"].as_str().unwrap().contains("67108864"), "{error}");
    // Without a declared length the limit holds as well.
    let body = "#".repeat(1 << 20);
    let chunk = format!("{:x}\r\n{body}\r\n", body.len());
    let sender = edge.local();
    assert_eq!(chunked(&sender, &chunk, 80), 413);
    sender.get("/api/v1/status").expect(200);
}

/// The status of a lint that is sent in this many equal chunks.
fn chunked(http: &crate::http::Http, chunk: &str, count: usize) -> u16 {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", http.port)).unwrap();
    let authorization = &http.headers[0].1;
    let head = format!(
        "POST /api/v1/config/lint HTTP/1.1\r\nHost: localhost\r\nAuthorization: {authorization}\r\n\
         Transfer-Encoding: chunked\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    for _ in 0..count {
        // The edge may answer and hang up before all was sent.
        if stream.write_all(chunk.as_bytes()).is_err() {
            break;
        }
    }
    let mut start = [0u8; 12];
    stream.read_exact(&mut start).unwrap();
    std::str::from_utf8(&start[9..12]).unwrap().parse().unwrap()
}

#[test]
fn fifty_thousand_tags_are_applied_and_keep_running_after_a_restart() {
    let mut edge = Edge::start();
    let text = many_tags(50_000);
    edge.apply(&text, 0).expect(200);
    let status = edge.local().get("/api/v1/status").expect(200).json();
    assert!(status["tags"]["total"].as_u64().unwrap() >= 50_000, "{status}");
    assert_eq!(status["devices"]["total"], 50);
    let page = edge.local().get("/api/v1/tags?filter=tag-999&limit=10").expect(200).json();
    assert_eq!(page["total"], 50);
    edge.kill();
    edge.restart();
    let again = edge.local().get("/api/v1/status").expect(200).json();
    assert_eq!(again["tags"]["total"], status["tags"]["total"]);
    assert_eq!(again["config"]["revision"], 1);
}
