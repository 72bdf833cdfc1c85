use super::*;

fn kind(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Delivered => "delivered",
        Verdict::Retry(_, None) => "retry",
        Verdict::Retry(_, Some(_)) => "retry later",
        Verdict::Reject(_) => "reject",
        Verdict::TooLarge(_) => "too large",
        Verdict::Settings(_) => "settings",
        Verdict::Unauthorized(_) => "unauthorized",
    }
}

#[test]
fn a_status_says_what_to_do_next() {
    for (statuses, expected) in [
        (vec![200, 201, 202, 204, 207], "delivered"),
        (vec![408, 425, 429, 421, 423, 500, 502, 503, 504, 507, 599], "retry"),
        (vec![400, 409, 415, 422], "reject"),
        (vec![413], "too large"),
        (vec![401], "unauthorized"),
        (vec![301, 302, 307, 308, 403, 404, 405, 407, 410, 411, 451, 501, 505], "settings"),
        // Nothing sane answers so; the samples are kept.
        (vec![0, 100, 600, 999], "retry"),
    ] {
        for status in statuses {
            let answer = Answer { status, ..Answer::default() };
            assert_eq!(kind(&answer.judge(None, "S", 0)), expected, "{status}");
        }
    }
}

#[test]
fn an_answer_is_told_in_words() {
    let answer = Answer { status: 422, body: vec![b'\n'; 5], ..Answer::default() };
    let told = Verdict::Reject("S answered 422 Unprocessable Entity".into());
    assert_eq!(answer.judge(None, "S", 0), told);
    let body = format!(" a\tb{}", "é".repeat(400)).into_bytes();
    let answer = Answer { status: 400, body, ..Answer::default() };
    let told = format!("S answered 400 Bad Request: a b{}", "é".repeat(297));
    assert_eq!(answer.judge(None, "S", 0), Verdict::Reject(told));
    let answer = Answer { status: 301, location: Some("https://x/\n".into()), ..Answer::default() };
    let Verdict::Settings(told) = answer.judge(None, "S", 0) else { panic!() };
    assert!(told.starts_with("S answered 301 Moved Permanently and points to https://x/ ;"));
}

#[test]
fn a_server_can_ask_for_a_wait() {
    let wait = |words: &str, unix_ns: i64| {
        let retry_after = Some(words.to_owned());
        let answer = Answer { status: 429, retry_after, ..Answer::default() };
        match answer.judge(None, "S", unix_ns) {
            Verdict::Retry(_, wait) => wait.map(|wait| wait.as_secs()),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(wait("7", 0), Some(7));
    assert_eq!(wait(" 0 ", 0), Some(0));
    assert_eq!(wait("99999999999999999", 0), Some(3_600), "bounded");
    assert_eq!(wait("soon", 0), None);
    assert_eq!(wait("-1", 0), None);
    let date = "Thu, 01 Jan 1970 00:01:40 GMT";
    assert_eq!(wait(date, 60_000_000_000), Some(40));
    assert_eq!(wait(date, 200_000_000_000), Some(0), "over");
    assert_eq!(wait(date, -1), None, "a clock before all time");
}

#[test]
fn a_web_page_is_no_delivery() {
    for (media, expected) in [
        (None, "delivered"),
        (Some("application/json"), "delivered"),
        (Some("text/plain"), "delivered"),
        (Some("text/html"), "retry"),
        (Some("Text/HTML; charset=utf-8"), "retry"),
        (Some("application/xhtml+xml"), "retry"),
    ] {
        let content_type = media.map(str::to_owned);
        let answer = Answer { status: 200, content_type, ..Answer::default() };
        assert_eq!(kind(&answer.judge(None, "S", 0)), expected, "{media:?}");
    }
}

#[test]
fn what_is_expected_must_be_there() {
    let check = |expected: serde_json::Value, body: &str| {
        let expected: Expected = serde_json::from_value(expected).unwrap();
        let content_type = Some("text/html".to_owned());
        let body = body.as_bytes().to_vec();
        let answer = Answer { status: 200, content_type, body, ..Answer::default() };
        match answer.judge(Some(&expected), "S", 0) {
            Verdict::Delivered => String::new(),
            Verdict::Retry(text, None) => text,
            other => panic!("{other:?}"),
        }
    };
    use serde_json::json;
    assert_eq!(check(json!({ "text": "taken" }), "it is taken"), "");
    assert_eq!(
        check(json!({ "status": 200, "json": { "/a/0/b": true } }), r#"{"a":[{"b":true}]}"#),
        ""
    );
    let all = json!({ "json": { "/n": 5, "/f": 0.5, "/s": "ok" } });
    assert_eq!(check(all.clone(), r#"{"n":5.0,"f":0.5,"s":"ok"}"#), "");
    for (expected, body, words) in [
        (
            json!({ "status": 201 }),
            "x",
            "answered 200 OK, not status 201 that `expect` asks for: x",
        ),
        (json!({ "text": "taken" }), "lost", "without the text \"taken\""),
        (all.clone(), r#"{"n":5,"f":0.5}"#, "without \"ok\" at `/s`"),
        (all.clone(), r#"{"n":"5","f":0.5,"s":"ok"}"#, "without 5 at `/n`"),
        (all, "<html>", "which is not JSON"),
    ] {
        let told = check(expected, body);
        assert!(told.contains(words), "{told}");
    }
}
