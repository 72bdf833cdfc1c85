use super::*;
use serde_json::{Value, json};
use tagwerk_component::{Segment, Sink, SinkRequest, Weight};

/// Findings as `weight place: problem | remedy`.
fn check(settings: &Value) -> Vec<String> {
    let mut findings = Findings::new();
    let request = SinkRequest { name: "s", settings };
    let plan = super::super::Mqtt.check(&request, &mut findings);
    assert_eq!(plan.is_some(), findings.errors() == 0);
    findings
        .list()
        .iter()
        .map(|f| {
            let weight = if f.weight == Weight::Error { "error" } else { "warning" };
            let place: Vec<String> = f
                .place
                .0
                .iter()
                .map(|s| match s {
                    Segment::Key(key) => key.clone(),
                    Segment::Index(index) => index.to_string(),
                })
                .collect();
            format!("{weight} {}: {} | {}", place.join("."), f.problem, f.remedy)
        })
        .collect()
}

fn with(more: Value) -> Value {
    let mut settings = json!({ "url": "mqtt://broker" });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    settings
}

#[test]
fn good_settings_have_no_findings() {
    for settings in [
        json!({ "url": "mqtt://127.0.0.1:1883" }),
        with(json!({ "url": "mqtts://[::1]/", "version": "3.1.1", "qos": 2, "retain": true })),
        with(json!({ "topic": "a/{tag}", "format": "tags", "sequence": true, "errors": false })),
        with(json!({ "format": "jq", "filter": ".tags[]" })),
        with(json!({ "username": "u", "password_file": "/p", "status_topic": "s/{edge}/{sink}" })),
        with(json!({ "will": { "topic": "w/{edge}", "payload": "", "qos": 0 } })),
        with(json!({ "url": "mqtts://b", "tls": { "ca_file": "/ca", "certificate_file": "/c",
            "key_file": "/k", "server_name": "broker.local" } })),
    ] {
        assert_eq!(check(&settings), Vec::<String>::new(), "{settings}");
    }
}

#[test]
fn wrong_settings_say_what_and_where() {
    const URL: &str = "write `mqtt://host:1883`, or `mqtts://host:8883` for TLS";
    const DATA: &str = "`{edge}`, `{device}`, `{group}`, `{tag}`";
    for (settings, expected) in [
        (
            json!({ "url": "broker" }),
            format!("url: `broker` is not the address of a broker | {URL}"),
        ),
        (
            json!({ "url": "tcp://b" }),
            format!("url: `tcp://` is not a scheme of an MQTT broker | {URL}"),
        ),
        (
            json!({ "url": "mqtt://u:p@b" }),
            format!("url: user name and password do not belong into the address | {URL}"),
        ),
        (json!({ "url": "mqtt://b:0" }), format!("url: `0` is not a port | {URL}")),
        (json!({ "url": "mqtt://b:99999" }), format!("url: `99999` is not a port | {URL}")),
        (
            json!({ "url": "mqtt://b/x" }),
            format!("url: the address of a broker has no path | {URL}"),
        ),
        (
            json!({ "url": "mqtt://" }),
            format!("url: `` is not a host name or an IP address | {URL}"),
        ),
        (with(json!({ "qos": 3 })), "qos: there is no such quality of service | 0, 1 or 2".into()),
        (
            with(json!({ "in_flight_max": 65 })),
            "in_flight_max: 65 is out of range | choose a number from 1 to 64".into(),
        ),
        (
            with(json!({ "keep_alive": "1500ms" })),
            "keep_alive: MQTT cannot express 1500ms | choose whole seconds from `1s` to `65535s`"
                .into(),
        ),
        (
            with(json!({ "ack_timeout": "0s" })),
            "ack_timeout: 0ms is out of range | choose from `100ms` to `10m`".into(),
        ),
        (
            with(json!({ "topic": "a/{unit}" })),
            format!("topic: there is no placeholder `{{unit}}` | there are {DATA}"),
        ),
        (
            with(json!({ "topic": "a/{devise}" })),
            format!(
                "topic: there is no placeholder `{{devise}}` | did you mean `{{device}}`? \
                 There are {DATA}"
            ),
        ),
        (
            with(json!({ "topic": "a/#" })),
            format!("topic: '#' cannot stand in it | use plain text and the placeholders {DATA}"),
        ),
        (
            with(json!({ "client_id": "{device}" })),
            "client_id: there is no placeholder `{device}` | there are `{edge}`, `{sink}`".into(),
        ),
        (
            with(json!({ "password_file": "/p" })),
            "password_file: there is a password but no user name | add `username`".into(),
        ),
        (
            with(json!({ "username": "u", "password_file": "/p", "password": { "secret": "s" } })),
            "password: the password is given twice, as a file and as a secret | \
             remove `password` or `password_file`"
                .into(),
        ),
        (
            with(json!({ "tls": {} })),
            "tls: there are TLS settings, but `mqtt://broker` does not use TLS | \
             write `mqtts://` in `url`, or remove `tls`"
                .into(),
        ),
        (
            with(json!({ "url": "mqtts://b", "tls": { "certificate_file": "/c" } })),
            "tls.key_file: there is a certificate but no key | \
             name the PEM file of the certificate's private key"
                .into(),
        ),
        (
            with(json!({ "status_topic": "s", "will": { "topic": "w", "payload": "x" } })),
            "will: a connection has only one will, and `status_topic` needs it | \
             remove `will` or `status_topic`"
                .into(),
        ),
        (
            with(json!({ "format": "jq" })),
            "filter: the format `jq` needs a program | \
             write one, such as `.tags[] | select(.value > 5)`, or choose another format"
                .into(),
        ),
        (
            with(json!({ "filter": "." })),
            "filter: a filter is used only with the format `jq` | \
             write `format: jq`, or remove `filter`"
                .into(),
        ),
        (
            with(json!({ "format": "jq", "filter": ".tags |" })),
            "filter: line 1, column 8: expected term | \
             see the jq manual; the program is run by jaq"
                .into(),
        ),
        (
            with(json!({ "format": "jq", "filter": ".", "topic": "{tag}" })),
            "topic: with the format `jq` a message belongs to no single tag | \
             let the filter name the topics: `.tags[] | {topic: .name, payload: .value}`"
                .into(),
        ),
    ] {
        assert_eq!(check(&settings), [format!("error settings.{expected}")], "{settings}");
    }
    let unknown = check(&with(json!({ "intervall": 1 })));
    assert!(unknown[0].contains("unknown field `intervall`"), "{unknown:?}");
    assert_eq!(check(&json!({ "url": "x", "qos": 9, "topic": "" })).len(), 3, "all at once");
}

#[test]
fn an_unchecked_certificate_is_a_warning() {
    let found = check(&with(json!({ "url": "mqtts://b", "tls": { "verify": false } })));
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("warning settings.tls.verify: "), "{found:?}");
}

#[test]
fn the_spec_has_help_and_a_default_for_every_setting() {
    let spec = serde_json::to_value(super::super::Mqtt.spec()).unwrap();
    let properties = spec["settings"]["properties"].as_object().unwrap();
    for (name, schema) in properties {
        assert!(schema["description"].is_string(), "{name}");
        assert!(name == "url" || schema.get("default").is_some(), "{name}");
    }
    assert_eq!(properties["keep_alive"]["default"], "30s");
}
