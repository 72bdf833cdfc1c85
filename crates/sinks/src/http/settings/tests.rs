use super::*;
use serde_json::{Value, json};
use tagwerk_component::{Segment, Sink, SinkRequest, Weight};

/// Findings as `weight place: problem | remedy`.
fn check(settings: &Value) -> Vec<String> {
    let mut findings = Findings::new();
    let request = SinkRequest { name: "s", settings };
    let plan = super::super::Http.check(&request, &mut findings);
    assert_eq!(plan.is_some(), findings.errors() == 0);
    let show = |f: &tagwerk_component::Finding| {
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
    };
    findings.list().iter().map(show).collect()
}

fn with(more: Value) -> Value {
    let mut settings = json!({ "url": "https://server/x" });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    settings
}

#[test]
fn good_settings_have_no_findings() {
    let secret = json!({ "secret": "s" });
    let oauth2 = json!({ "token_url": "https://login/t", "client_id": "c",
        "client_secret": secret, "scope": "a b" });
    for settings in [
        json!({ "url": "http://127.0.0.1:8080" }),
        with(json!({ "url": "https://[::1]/a/{edge}/{sink}?d={device}&g={group}" })),
        with(json!({ "method": "PUT", "headers": { "X-Key": secret, "X-Site": "north" } })),
        with(json!({ "auth": { "basic": { "username": "u", "password": secret } } })),
        with(json!({ "auth": { "bearer": secret } })),
        with(json!({ "auth": { "oauth2": oauth2 } })),
        with(json!({ "body": "lines", "batch_samples": 1, "batch_bytes": 1024, "linger": "0s" })),
        with(json!({ "format": "jq", "filter": ".tags[]", "compression": "gzip" })),
        with(json!({ "expect": { "status": 201, "json": { "/ok": true }, "text": "x" } })),
        with(json!({ "tls": { "ca_file": "/ca", "server_name": "server.local" } })),
    ] {
        assert_eq!(check(&settings), Vec::<String>::new(), "{settings}");
    }
}

#[test]
fn wrong_settings_say_what_and_where() {
    const PLACES: &str = "`{edge}`, `{sink}`, `{device}`, `{group}`";
    let secret = json!({ "secret": "s" });
    for (settings, expected) in [
        (json!({ "url": "x" }), "url: `x` is not an address | write `https://host/path`".into()),
        (
            json!({ "url": "https://h/{devise}" }),
            format!(
                "url: there is no placeholder `{{devise}}` | did you mean `{{device}}`? \
                 There are {PLACES}"
            ),
        ),
        (
            json!({ "url": "https://h/#a" }),
            format!(
                "url: '#' cannot stand in an address | use plain text and the placeholders {PLACES}"
            ),
        ),
        (
            with(json!({ "in_flight_max": 17 })),
            "in_flight_max: 17 is out of range | choose a number from 1 to 16".into(),
        ),
        (
            with(json!({ "timeout": "1ms" })),
            "timeout: 1ms is out of range | choose from `100ms` to `10m`".into(),
        ),
        (
            with(json!({ "headers": { "Content-Length": "5" } })),
            "headers.Content-Length: `Content-Length` is written by the sink | remove it".into(),
        ),
        (
            with(json!({ "headers": { "a b": "5" } })),
            "headers.a b: `a b` cannot be the name of a header | use letters, digits and `-`"
                .into(),
        ),
        (
            with(json!({ "headers": { "a": "5\r\nb: 6" } })),
            "headers.a: this text cannot stand in a header | use one line of ASCII".into(),
        ),
        (
            with(json!({ "headers": { "Authorization": "x" }, "auth": { "bearer": secret } })),
            "headers.Authorization: this header is what `auth` writes | \
             remove the header or `auth`"
                .into(),
        ),
        (
            with(json!({ "auth": { "bearer": secret,
                "basic": { "username": "u", "password": secret } } })),
            "auth: there is more than one way to show who the edge is | \
             keep one of `basic`, `bearer` and `oauth2`"
                .into(),
        ),
        (
            with(json!({ "url": "http://h", "tls": {} })),
            "tls: there are TLS settings, but `http://h` does not use TLS | \
             write `https://` in `url`, or remove `tls`"
                .into(),
        ),
        (
            with(json!({ "expect": { "json": { "ok": true } } })),
            "expect.json.ok: `ok` is not a place in a JSON text | write `/ok`".into(),
        ),
        (
            with(json!({ "expect": {} })),
            "expect: nothing is expected | add `status`, `text` or `json`, or remove `expect`"
                .into(),
        ),
        (
            with(json!({ "format": "jq" })),
            "filter: the format `jq` needs a program | \
             write one, such as `.tags[] | select(.value > 5)`, or choose another format"
                .into(),
        ),
    ] {
        assert_eq!(check(&settings), [format!("error settings.{expected}")], "{settings}");
    }
    let words = check(&with(json!({ "headers": { "a": 5 } })));
    assert!(words[0].contains("expected text or `{secret: NAME}`"), "{words:?}");
    let clear = check(&json!({ "url": "http://h", "auth": { "bearer": secret } }));
    assert!(clear[0].starts_with("warning settings.url: secrets go over the network"), "{clear:?}");
}
