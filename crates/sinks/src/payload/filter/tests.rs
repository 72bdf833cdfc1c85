use super::*;

const TOPICS: Option<TopicProblem> = Some(tagwerk_mqtt::topic_problem);

const INPUT: &str = r#"{"timestamp":1,"node":"boiler","group":"fast","edge":"e1","device":"boiler",
    "tags":[{"name":"a","value":5,"unit":"bar","quality":"good"},
            {"name":"b","value":18446744073709551615,"unit":"","quality":"good"},
            {"name":"c","error":2148139008,"unit":"","quality":"bad"}]}"#;

/// Outputs as `topic payload`, or the problem.
fn run(code: &str) -> Result<Vec<String>, String> {
    let program = Program::compile(code, TOPICS)?;
    std::thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(move || {
            let stop = AtomicBool::new(false);
            let bounds = Bounds { now: 1.5, stop: &stop };
            let outputs = program.load()?.run(INPUT.as_bytes(), bounds)?;
            let show = |o: Output| {
                let payload = String::from_utf8(o.payload).unwrap();
                o.topic.map_or(payload.clone(), |topic| format!("{topic} {payload}"))
            };
            Ok(outputs.into_iter().map(show).collect())
        })
        .unwrap()
        .join()
        .unwrap()
}

#[test]
fn programs_make_messages() {
    for (code, expected) in [
        (".tags[0].value", vec!["5"]),
        (".tags[].name", vec!["a", "b", "c"]),
        ("empty", vec![]),
        (".tags[1].value", vec!["18446744073709551615"]),
        (".tags[1].value - 1", vec!["18446744073709551614"]),
        ("9223372036854775807 | [., -.]", vec!["[9223372036854775807,-9223372036854775807]"]),
        ("{topic: \"x/y\", payload: {v: 1.5}}", vec!["x/y {\"v\":1.5}"]),
        ("{topic: \"x\", payload: \"plain\"}", vec!["x plain"]),
        ("{topic: \"x\", payload: 1, more: 2}", vec!["{\"topic\":\"x\",\"payload\":1,\"more\":2}"]),
        ("[nan, infinite, null, true]", vec!["[null,null,null,true]"]),
        ("\"a\\\"ü\" | tojson", vec!["\"a\\\"ü\""]),
        ("[.tags[] | select(.quality == \"good\") | .name] | join(\",\")", vec!["a,b"]),
        ("[range(3)], [range(0; 10; 5)]", vec!["[0,1,2]", "[0,5]"]),
        ("(.tags[] | select(.value != null) | .value) |= 1 | [.tags[].value]", vec!["[1,1,null]"]),
        ("now", vec!["1.5"]),
    ] {
        let expected: Vec<String> = expected.into_iter().map(Into::into).collect();
        assert_eq!(run(code), Ok(expected), "{code}");
    }
}

#[test]
fn where_there_are_no_topics_an_output_is_a_payload_whatever_its_keys() {
    let program = Program::compile("{topic: 1, payload: 2}", None).unwrap();
    let stop = AtomicBool::new(false);
    let outputs = program.load().unwrap().run(b"{}", Bounds { now: 0.0, stop: &stop }).unwrap();
    let payload = b"{\"topic\":1,\"payload\":2}".to_vec();
    assert_eq!(outputs, [Output { topic: None, payload, text: false }]);
}

#[test]
fn programs_that_do_wrong_are_ended() {
    for (code, problem) in [
        ("def f: f; f", "the filter does not end"),
        ("last(repeat(1))", "the filter does not end"),
        ("def f: try error catch f; f", "the filter calls itself too deeply"),
        ("[range(0; infinite)]", "the filter does not end"),
        ("def f: 1 + f; f", "the filter calls itself too deeply"),
        ("def f: try (1 + f) catch f; f", "the filter calls itself too deeply"),
        ("range(2000)", "the filter makes more than 1000 messages"),
        ("halt", "the filter called `halt`, which is not possible here"),
        ("error(\"no\")", "the filter failed: \"no\""),
        (".tags.x", "the filter failed: cannot index"),
        ("{topic: 1, payload: 1}", "the filter names a topic that is not text"),
        ("{topic: \"a/#\", payload: 1}", "the filter names a topic that cannot be used: '#'"),
        ("{(\"a\", 1 | tostring): 1} | with_entries(.key |= [.])", "the filter's output has a key"),
        ("reduce range(600) as $i (0; [.])", "the filter's output is nested deeper than 500"),
    ] {
        let got = run(code).unwrap_err();
        assert!(got.starts_with(problem), "{code}: {got}");
    }
}

#[test]
fn programs_that_do_not_compile_say_where() {
    for (code, problem) in [
        (".tags[", "line 1, column 7: expected closing bracket"),
        (".tags |", "line 1, column 8: expected term"),
        ("\n  .tags | selct(.x)", "line 2, column 11: there is no filter `selct`"),
        ("$x", "line 1, column 1: there is no variable `$x`"),
        ("if . then", "line 1, column 10: expected term"),
        ("1 2", "line 1, column 3: expected nothing, found `2`"),
        ("env", "line 1, column 1: there is no filter `env`"),
        ("include \"a\"; .", "`import` and `include` are not possible here"),
        ("", "line 1, column 1: expected term"),
    ] {
        assert_eq!(Program::compile(code, TOPICS).map(drop), Err(problem.to_owned()), "{code}");
    }
    let long = " ".repeat(PROGRAM_BYTES_MAX + 1);
    assert!(Program::compile(&long, TOPICS).unwrap_err().contains("the limit is 8192"));
    let deep = "[".repeat(PROGRAM_BYTES_MAX / 2) + &"]".repeat(PROGRAM_BYTES_MAX / 2);
    assert!(Program::compile(&deep, TOPICS).is_ok());
}
