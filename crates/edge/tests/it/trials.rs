//! Trying devices before they are saved, the communication log, load, events and templates.

use crate::process::{Edge, MIXER};
use crate::rig::until;
use serde_json::{Value, json};

fn mixer() -> Value {
    json!({
        "name": "mixer", "driver": "sim", "settings": {},
        "groups": [{ "name": "fast", "interval": "100ms", "tags": [
            { "name": "level", "address": "constant:42", "type": "int32", "unit": "%" },
            { "name": "speed", "address": "setpoint:speed", "type": "float64", "access": "write" },
        ] }],
    })
}

#[test]
fn a_device_is_read_before_it_is_saved() {
    let edge = Edge::start();
    let engineer = edge.with_role("engineer");
    let body = json!({ "device": mixer() });
    let answer = engineer.post("/api/v1/trials/read", &body).expect(200).json();
    assert_eq!((&answer["ok"], &answer["problem"]), (&json!(true), &Value::Null), "{answer}");
    let values = answer["values"].as_array().unwrap();
    assert_eq!(values.len(), 1, "what cannot be read is not: {answer}");
    assert_eq!((&values[0]["tag"], &values[0]["value"]), (&json!("level"), &json!(42)));
    assert_eq!(values[0]["quality"]["severity"], "good");
    assert_eq!(edge.local().get("/api/v1/devices").json()["items"], json!([]), "nothing is saved");
    let events = edge.local().get("/api/v1/events?kind=access&text=trial").json();
    assert!(events["items"][0]["text"].as_str().unwrap().contains("mixer"), "{events}");
}

#[test]
fn a_device_with_mistakes_is_not_touched() {
    let edge = Edge::start();
    let mut device = mixer();
    device["groups"][0]["tags"][0]["address"] = json!("constnat:1");
    let body = json!({ "device": device });
    for route in ["read", "browse", "estimate"] {
        let path = format!("/api/v1/trials/{route}");
        let answer = edge.local().post(&path, &body).expect(200).json();
        assert_eq!(answer["findings"][0]["weight"], "error", "{answer}");
        if route != "estimate" {
            assert_eq!((&answer["ok"], &answer["frames"]), (&json!(false), &json!([])));
        }
    }
    for wrong in [json!({ "device": 7 }), json!({}), json!({ "device": {}, "more": 1 })] {
        edge.local().post("/api/v1/trials/read", &wrong).refusal(400, "invalid");
    }
}

#[test]
fn a_device_that_nobody_answers_for_tells_why() {
    let edge = Edge::start();
    let port = crate::rig::free_port();
    let device = json!({
        "driver": "modbus-tcp",
        "settings": { "host": "127.0.0.1", "port": port, "unit": 1, "timeout": "200ms" },
        "groups": [{ "name": "g", "interval": "1s", "tags": [
            { "name": "a", "address": "holding:0", "type": "int16" },
        ] }],
    });
    let answer = edge.local().post("/api/v1/trials/read", &json!({ "device": device })).json();
    assert_eq!(answer["ok"], false, "{answer}");
    assert!(answer["problem"]["problem"].as_str().unwrap().len() > 10, "{answer}");
    assert!(answer["problem"]["remedy"].as_str().unwrap().contains("check"), "{answer}");
}

#[test]
fn what_a_device_would_cost_is_estimated() {
    let edge = Edge::with_config(MIXER);
    let answer = edge.local().post("/api/v1/trials/estimate", &json!({ "device": mixer() }));
    let answer = answer.expect(200).json();
    assert_eq!(answer["groups"][0]["tags"], 2);
    assert!(answer["requests_per_second"].as_f64().unwrap() > 0.0, "{answer}");
    assert!(answer["now"].is_object(), "the running mixer: {answer}");
    let device = edge.local().get("/api/v1/devices/mixer").expect(200).json();
    assert_eq!(device["load"]["link_devices"], 1, "{device}");
    assert_eq!(device["groups"][0]["watched"], false);
}

#[test]
fn the_communication_log_is_turned_on_read_and_turned_off() {
    let edge = Edge::with_config(MIXER);
    let local = edge.local();
    // Before that there is no link to listen to.
    until("the mixer is online", || {
        let device = local.get("/api/v1/devices/mixer").expect(200).json();
        (device["state"] == "online").then_some(())
    });
    let path = "/api/v1/devices/mixer/trace";
    let off = local.get(path).expect(200).json();
    assert_eq!((&off["on"], &off["until"]), (&json!(false), &Value::Null));
    let on = local.send_json("PUT", path, &json!({ "on": true })).expect(200).json();
    assert_eq!(on["on"], true);
    assert!(on["until"].is_string(), "{on}");
    let again = local.send_json("PUT", path, &json!({ "on": true })).expect(200).json();
    assert_eq!(again["until"], on["until"]);
    let next = again["next"].as_u64().unwrap();
    let more = local.get(&format!("{path}?after={next}&limit=10")).expect(200).json();
    assert!(more["next"].as_u64().unwrap() >= next);
    edge.with_role("viewer").send_json("PUT", path, &json!({ "on": false })).expect(403);
    assert_eq!(local.send_json("PUT", path, &json!({ "on": false })).json()["on"], false);
    local.get("/api/v1/devices/nobody/trace").refusal(404, "not_found");
}

#[test]
fn events_are_listed_newest_first_by_pages() {
    let edge = Edge::with_config(MIXER);
    edge.set_up();
    for _ in 0..3 {
        edge.apply(MIXER, edge.revision()).expect(200);
    }
    let viewer = edge.with_role("viewer");
    let page = viewer.get("/api/v1/events?kind=configuration&limit=3").expect(200).json();
    let items = page["items"].as_array().unwrap();
    assert_eq!(items.len(), 3);
    assert!(items[0]["text"].as_str().unwrap().contains("revision 4"), "{page}");
    assert_eq!((&items[0]["by"], &items[0]["severity"]), (&json!("local"), &json!("info")));
    let next = page["next"].as_u64().unwrap();
    let rest = viewer.get(&format!("/api/v1/events?kind=configuration&before={next}")).json();
    assert_eq!(rest["items"].as_array().unwrap().len(), 1);
    assert_eq!(rest["next"], Value::Null);
    let all = viewer.get("/api/v1/events").json();
    let kinds: Vec<&str> =
        all["items"].as_array().unwrap().iter().map(|e| e["kind"].as_str().unwrap()).collect();
    assert!(kinds.contains(&"system") && kinds.contains(&"access"), "{kinds:?}");
    let found = viewer.get("/api/v1/events?text=STARTED").json();
    assert_eq!(found["items"].as_array().unwrap().len(), 1, "{found}");
    viewer.get("/api/v1/events?kind=colour").refusal(400, "invalid");
    viewer.get("/api/v1/events?limit=0").refusal(400, "invalid");
}

#[test]
fn an_unclean_end_is_an_event() {
    let mut edge = Edge::start();
    edge.kill();
    edge.restart();
    let events = edge.local().get("/api/v1/events?kind=system&text=killed").json();
    assert_eq!(events["items"][0]["severity"], "warning", "{events}");
}

#[test]
fn templates_of_the_library_can_be_used() {
    let edge = Edge::start();
    let answer = edge.with_role("viewer").get("/api/v1/templates").expect(200).json();
    let library = answer["library"].as_array().unwrap();
    assert!(!library.is_empty());
    for template in library {
        assert!(template["document"].as_str().unwrap().contains("name:"), "{template}");
        assert!(template["tags"].as_u64().unwrap() > 0, "{template}");
    }
    assert_eq!(answer["used"], json!([]));
}

#[test]
fn trials_and_events_by_command_line() {
    let edge = Edge::with_config(MIXER);
    let file = edge.data.path().join("mixer.json");
    std::fs::write(&file, mixer().to_string()).unwrap();
    let path = file.to_str().unwrap();
    let read = edge.cli(&["trial", "read", path, "--frames"]);
    let text = String::from_utf8(read.stdout).unwrap();
    assert!(read.status.success() && text.contains("42 %"), "{text}");
    // The simulator has nothing to look into, and says so.
    let browse = edge.cli(&["trial", "browse", path]);
    assert!(!browse.stdout.is_empty() || !browse.status.success());
    let events = edge.cli(&["events", "--kind", "configuration"]);
    assert!(String::from_utf8(events.stdout).unwrap().contains("applied revision 1"));
    assert!(edge.cli(&["trace", "mixer", "--once"]).status.success());
    assert!(!edge.cli(&["trace", "nobody", "--once"]).status.success());
    let help = String::from_utf8(edge.cli(&["--help"]).stdout).unwrap();
    for verb in [
        "backup",
        "restore",
        "import",
        "export",
        "secret",
        "trial",
        "events",
        "certificate",
        "trace",
    ] {
        assert!(help.contains(&format!("  {verb} ")), "{verb}: {help}");
    }
}
