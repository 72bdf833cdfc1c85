use super::*;
use std::collections::BTreeMap;

struct Plant(BTreeMap<(&'static str, &'static str), DataType>);

impl FormulaTags for Plant {
    fn data_type(&self, device: &str, tag: &str) -> Option<DataType> {
        let found = self.0.iter().find(|((d, t), _)| *d == device && *t == tag);
        found.map(|(_, data_type)| *data_type)
    }

    fn names(&self, device: Option<&str>) -> Vec<String> {
        match device {
            None => self.0.keys().map(|(device, _)| (*device).to_owned()).collect(),
            Some(device) => {
                let own = self.0.keys().filter(|(d, _)| *d == device);
                own.map(|(_, tag)| (*tag).to_owned()).collect()
            }
        }
    }
}

fn plant() -> Plant {
    use DataType::*;
    Plant(BTreeMap::from([
        (("boiler-1", "steam"), Float64),
        (("boiler-1", "fuel"), Float64),
        (("boiler-1", "count"), Uint16),
        (("boiler-1", "big"), Uint64),
        (("boiler-1", "on"), Bool),
        (("boiler-1", "name"), Text),
        (("boiler-1", "drum-level"), Int32),
        (("boiler-1", "Mode"), Int64),
        (("boiler-2", "steam"), Float64),
    ]))
}

fn plan(text: &str, gives: DataType) -> Result<Formula, Finding> {
    Planner::new().unwrap().formula(text, "boiler-1", gives, &plant())
}

/// The formula's value for values by `device/tag`; what is not named is bad.
fn value(text: &str, gives: DataType, given: &[(&str, Value)]) -> Result<Option<Value>, String> {
    let formula = plan(text, gives).unwrap_or_else(|finding| panic!("{text}: {finding}"));
    let of = |input: &Input| {
        let name = format!("{}/{}", input.device, input.tag);
        given.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_ref())
    };
    let inputs: Vec<_> = formula.inputs().iter().map(of).collect();
    formula.value(&inputs)
}

#[test]
fn formulas_compute_values() {
    use DataType::*;
    let of = |steam: f64| ("boiler-1/steam", Value::F64(steam));
    let fuel = ("boiler-1/fuel", Value::F64(4.0));
    let count = |n: u64| ("boiler-1/count", Value::U64(n));
    let two = ("boiler-2/steam", Value::F64(2.0));
    let level = ("boiler-1/drum-level", Value::I64(16));
    let on = ("boiler-1/on", Value::Bool(true));
    let mode = ("boiler-1/Mode", Value::I64(1));
    let name = ("boiler-1/name", Value::Text("a".into()));
    let both = "steam + \"boiler-2/steam\" + \"boiler-2\".steam";
    let word = "CASE \"Mode\" WHEN 1 THEN 'heat' ELSE 'idle' END";
    for (text, gives, given, wanted) in [
        ("steam / fuel", Float64, vec![of(10.0), fuel.clone()], Value::F64(2.5)),
        ("STEAM*2", Float64, vec![of(1.5)], Value::F64(3.0)),
        (both, Float64, vec![of(1.0), two.clone()], Value::F64(5.0)),
        ("\"drum-level\" % 7", Int32, vec![level], Value::I64(2)),
        ("count + 1", Uint16, vec![count(7)], Value::U64(8)),
        ("count", Float64, vec![count(7)], Value::F64(7.0)),
        ("count / 2", Int64, vec![count(7)], Value::I64(3)),
        ("count - 8", Int64, vec![count(7)], Value::I64(-1)),
        ("big + 1", Uint64, vec![("boiler-1/big", Value::U64(1 << 63))], Value::U64((1 << 63) + 1)),
        ("steam > 5 AND \"on\"", Bool, vec![of(6.0), on], Value::Bool(true)),
        (word, Text, vec![mode], Value::Text("heat".into())),
        ("upper(name)", Text, vec![name], Value::Text("A".into())),
        ("coalesce(steam, \"boiler-2/steam\")", Float64, vec![two], Value::F64(2.0)),
        ("scale(steam, 0, 100, 4, 20)", Float64, vec![of(50.0)], Value::F64(12.0)),
    ] {
        assert_eq!(value(text, gives, &given), Ok(Some(wanted)), "{text}");
    }
}

#[test]
fn what_cannot_be_computed_has_a_reason() {
    use DataType::*;
    let of = |steam: f64| ("boiler-1/steam", Value::F64(steam));
    let count = |n: u64| ("boiler-1/count", Value::U64(n));
    for (text, gives, given, part) in [
        ("steam / 0", Float64, of(1.0), "finite"),
        ("count / 0", Int64, count(1), "ivide by zero"),
        ("count + 65535", Uint16, count(1), "65536 does not fit uint16"),
        ("count - 2", Uint16, count(1), ""),
        ("CAST(steam AS bigint)", Int64, of(1e30), "cast value 1e30"),
    ] {
        let error = value(text, gives, &[given]).unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
    }
    assert_eq!(value("nullif(count, 1)", Int64, &[count(1)]), Ok(None));
}

#[test]
fn only_formulas_that_say_so_take_what_is_bad() {
    for (text, wanted) in [
        ("steam + fuel", vec![("fuel", false), ("steam", false)]),
        ("coalesce(steam, fuel)", vec![("fuel", true), ("steam", true)]),
        ("steam IS NULL OR fuel > 1", vec![("fuel", false), ("steam", true)]),
        ("coalesce(steam, 0) + steam", vec![("steam", false)]),
        ("CASE WHEN steam > 1 THEN 1 ELSE 0 END", vec![("steam", false)]),
    ] {
        let gives = if text.contains("OR") { DataType::Bool } else { DataType::Float64 };
        let formula = plan(text, gives).unwrap();
        let found: Vec<_> = formula.inputs().iter().map(|i| (&*i.tag, i.may_be_bad)).collect();
        assert_eq!(found, wanted, "{text}");
    }
}

#[test]
fn findings_say_where_and_what_to_do() {
    use DataType::*;
    let no_bool = "the formula gives bool, and the tag is of type float64; write `type: bool`";
    let no_whole = "gives float64, and the tag is of type int64; write `type: float64`, or round";
    for (text, gives, wanted) in [
        ("steem * 2", Float64, "line 1, column 1: the device has no tag steem; did you mean steam"),
        ("1 +\n  levl", Float64, "line 2, column 3: the device has no tag levl"),
        ("drumlevel", Int32, "did you mean \"drum-level\"?"),
        ("\"boiler-3/steam\"", Float64, "there is no device boiler-3; did you mean \"boiler-"),
        ("\"boiler-2/fuel\"", Float64, "the device boiler-2 has no tag fuel"),
        ("steam > 5", Float64, no_bool),
        ("steam * 2", Int64, no_whole),
        ("steam + name", Float64, "line 1, column 1"),
        ("lag(steam)", Float64, "lag needs more than one moment; a rule can remember"),
        ("sum(steam)", Float64, "an aggregate cannot stand here"),
        ("random()", Float64, "random() is another at each time"),
        ("steam + (SELECT 1)", Float64, "a formula has no sub-query"),
        ("steam fuel", Float64, "line 1"),
        ("", Float64, "line 1, column 1"),
        ("NULL", Float64, "always NULL"),
        ("a.b.c", Float64, "names no tag"),
        ("no_such(steam)", Float64, "no_such"),
        ("steam; DROP TABLE x", Float64, "line 1"),
    ] {
        let finding = plan(text, gives).err().unwrap_or_else(|| panic!("{text} is taken"));
        let told = finding.to_string();
        assert!(told.contains(wanted), "{text}: {told}");
        assert!(!finding.remedy.is_empty(), "{text}: {told}");
    }
}
