//! Addresses and settings: what is taken, and how mistakes are named.

use crate::rig::{check, settings};
use serde_json::json;
use tagwerk_model::DataType::{self, *};

fn wrong(address: &str, data_type: DataType, words: &str) {
    let findings = check(&settings(json!({})), &[(address, data_type)]).err();
    let findings = findings.unwrap_or_else(|| panic!("{address} is taken"));
    let finding = &findings.list()[0];
    let text = format!("{}; {}", finding.problem, finding.remedy);
    assert!(text.contains(words), "{address}: {text}");
}

#[test]
fn addresses_are_taken_as_people_write_them() {
    for (address, data_type) in [
        ("M_ME_NC_1:1001", Float32),
        ("m_me_tf_1: 1001", Float64),
        ("36:1001", Float32),
        ("1001", Int16),
        ("M_SP_NA_1:0.3.233", Bool),
        ("0.3.233.5", Bool),
        ("M_BO_NA_1:7.31", Bool),
        ("M_PS_NA_1:7.15", Bool),
        ("M_IT_NA_1:7", Uint32),
        ("M_IT_NA_1:7@sequence", Uint8),
        ("M_ME_NA_1:7", Float32),
        ("M_ME_NA_1:7", Int16),
        ("M_DP_NA_1:7", Bool),
        ("7@quality", Uint8),
        ("C_SC_NA_1:3001/sbo/q=1", Bool),
        ("C_SE_TC_1:3001/direct", Float64),
        ("M_ME_NC_1:1001>C_SE_NC_1:2001", Float32),
        ("1001 > C_SE_NB_1:2001/sbo", Int16),
    ] {
        let checked = check(&settings(json!({})), &[(address, data_type)]);
        assert!(checked.is_ok(), "{address}: {:?}", checked.err());
    }
}

#[test]
fn mistakes_in_addresses_are_named() {
    for (address, data_type, words) in [
        ("M_ME_NC1:1001", Float32, "did you mean `M_ME_NC_1`?"),
        ("C_IC_NA_1:0", Bool, "C_IC_NA_1 (interrogation) has no value"),
        ("99:1", Bool, "`99` is not a type"),
        ("M_ME_NC_1:0", Float32, "outside 1 to 16777215"),
        ("M_ME_NC_1:16777216", Float32, "outside 1 to 16777215"),
        ("M_ME_NC_1:x", Float32, "`x` is not the address of an object"),
        ("0.300.1", Float32, "is not the address of an object"),
        ("M_ME_NC_1:1.3", Bool, "a short float has no bit 3"),
        ("M_ME_NC_1:1@moving", Bool, "a short float has no `@moving`"),
        ("1@colour", Bool, "parts are `@quality`"),
        ("M_ME_NC_1:1/sbo", Float32, "`/sbo` is for commands"),
        ("C_SC_NA_1:1/sob", Bool, "options are `/sbo`, `/direct` and `/q=N`"),
        ("C_SC_NA_1:1/q=32", Bool, "qualifier 32 is more than 31"),
        ("C_BO_NA_1:1/sbo", Uint32, "cannot be selected"),
        ("C_SC_NA_1:1/sbo/direct", Bool, "is there twice"),
        ("M_ME_NC_1:1", Int16, "give the tag one of the types `float32`, `float64`"),
        ("M_ME_NC_1:1", Text, "no object of IEC 60870-5-104 is a `text`"),
        ("C_SE_NC_1:1", Bool, "give the tag `float32` or `float64`"),
        ("M_ME_NC_1:1 > M_ME_NC_1:2", Float32, "after `>` is not a command"),
        ("M_ME_NC_1:1 > C_SE_NC_1:2 > C_SC_NA_1:2", Float32, "is not the address of an object"),
    ] {
        wrong(address, data_type, words);
    }
    let sizes = json!({ "object_address_size": 2 });
    let findings = check(&settings(sizes), &[("1.2.3", Bool)]).err().unwrap();
    assert!(findings.list()[0].problem.contains("outside 1 to 65535"), "{findings:?}");
}

#[test]
fn mistakes_in_settings_are_named() {
    for (more, words) in [
        (json!({ "host": "" }), "`host` is empty"),
        (json!({ "host": "tcp://a" }), "is a URL"),
        (json!({ "backup_host": "a b" }), "`backup_host` is neither a name nor an address"),
        (json!({ "common_address": 0 }), "outside 1 to 65534"),
        (json!({ "common_address_size": 1, "common_address": 255 }), "outside 1 to 254"),
        (json!({ "t2": "20s" }), "not shorter than `t1`"),
        (json!({ "time_zone": "Berlin" }), "not an offset from UTC"),
        (json!({ "cause_size": 1, "originator": 3 }), "no room for an originator"),
        (
            json!({ "counter_interrogation": { "interval": "1m", "group": 5 } }),
            "no counter group 5",
        ),
        (json!({ "clock_sync": { "interval": "1ms" } }), "1ms is outside 1s to 24h"),
        (json!({ "tls": { "certificate_file": "a.pem" } }), "no key"),
    ] {
        let findings = check(&settings(more.clone()), &[]).err();
        let findings = findings.unwrap_or_else(|| panic!("{more} is taken"));
        assert!(findings.list()[0].problem.contains(words), "{more}: {findings:?}");
    }
}
