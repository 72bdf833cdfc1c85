//! What every driver and every sink must keep, whatever its protocol. A component's own test calls
//! [`driver`] or [`sink`] and passes when the list of complaints is empty.

mod schema;

use crate::yaml;
use serde_json::Value;
use std::time::Duration;
use tagwerk_component::{
    Ability, DevicePlan, DeviceRequest, Driver, Findings, GroupRequest, Segment, Sink, SinkRequest,
    Spec, TagRequest,
};
use tagwerk_model::{DataType, limits};

/// Addresses that no driver may take, and none may break down at.
const WRONG_ADDRESSES: [&str; 6] = ["", ":", " ", "\u{0}", "no such address ½", "((((((((((:::::"];

/// Panics with everything in which the driver breaks the contract.
pub fn driver(driver: &dyn Driver) {
    let spec = driver.spec();
    let mut complaints = check_spec(&spec);
    if spec.addresses.is_empty() {
        complaints.push("lists no form of address".to_owned());
    }
    if spec.data_types.is_empty() {
        complaints.push("lists no data type".to_owned());
    }
    if spec.abilities.is_empty() {
        complaints.push("lists no ability".to_owned());
    }
    if let Some(settings) = example(&spec, &mut complaints) {
        check_forms(driver, &spec, &settings, &mut complaints);
        check_wrong_addresses(driver, &spec, &settings, &mut complaints);
        check_wrong_settings(&mut complaints, &settings, |wrong, findings| {
            driver.check(&device(wrong, Vec::new()), findings).is_some()
        });
    }
    report(&spec, &complaints);
}

/// Panics with everything in which the sink breaks the contract.
pub fn sink(sink: &dyn Sink) {
    let spec = sink.spec();
    let mut complaints = check_spec(&spec);
    if !spec.addresses.is_empty() || !spec.data_types.is_empty() {
        complaints.push("a sink has no addresses and no data types".to_owned());
    }
    if let Some(settings) = example(&spec, &mut complaints) {
        let mut findings = Findings::new();
        let request = SinkRequest { name: "example", settings: &settings };
        match sink.check(&request, &mut findings) {
            None => complaints.push(format!("the example fails its own check: {findings:?}")),
            Some(plan) => {
                let bounds = 1..=limits::SINK_IN_FLIGHT_MAX;
                if !bounds.contains(&plan.in_flight_max) {
                    complaints.push(format!("in_flight_max must be in {bounds:?}"));
                }
            }
        }
        check_wrong_settings(&mut complaints, &settings, |wrong, findings| {
            sink.check(&SinkRequest { name: "example", settings: wrong }, findings).is_some()
        });
    }
    report(&spec, &complaints);
}

fn report(spec: &Spec, complaints: &[String]) {
    assert!(
        complaints.is_empty(),
        "`{}` breaks the contract of a component:\n- {}",
        spec.name,
        complaints.join("\n- ")
    );
}

fn check_spec(spec: &Spec) -> Vec<String> {
    let mut complaints = schema::check(spec.settings.as_value());
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if spec.name.is_empty() || !spec.name.chars().all(word) {
        complaints.push("the name must be of small letters, digits and `-`".to_owned());
    }
    if spec.summary.len() < 10 || !spec.summary.ends_with('.') {
        complaints.push("the summary must be a sentence that ends in a full stop".to_owned());
    }
    for form in &spec.addresses {
        if form.form.is_empty() || form.meaning.is_empty() || form.example.is_empty() {
            complaints.push(format!("address form `{}` is incomplete", form.form));
        }
    }
    complaints
}

fn example(spec: &Spec, complaints: &mut Vec<String>) -> Option<Value> {
    match yaml::to_json(spec.example) {
        Ok(value) if value.is_object() => {
            complaints.extend(schema::unknown_keys(spec.settings.as_value(), &value));
            Some(value)
        }
        Ok(_) => {
            complaints.push("the example must be a mapping".to_owned());
            None
        }
        Err(error) => {
            complaints.push(format!("the example is not YAML: {error}"));
            None
        }
    }
}

fn device<'a>(settings: &'a Value, tags: Vec<TagRequest<'a>>) -> DeviceRequest<'a> {
    let group = GroupRequest { name: "group", interval: Duration::from_secs(1), tags };
    DeviceRequest { name: "example", settings, groups: vec![group] }
}

#[derive(Clone, Copy)]
enum Access {
    Read,
    Write,
    ReadWrite,
}

fn tag(address: &str, data_type: DataType, access: Access) -> TagRequest<'_> {
    TagRequest {
        name: "tag",
        address,
        data_type,
        read: !matches!(access, Access::Write),
        write: !matches!(access, Access::Read),
    }
}

/// Each form's example must pass for some type; its plan must cover exactly what was asked for.
fn check_forms(driver: &dyn Driver, spec: &Spec, settings: &Value, complaints: &mut Vec<String>) {
    let mut passed = Vec::new();
    for form in &spec.addresses {
        let mut ways = 0;
        for data_type in &spec.data_types {
            for access in [Access::Read, Access::Write, Access::ReadWrite] {
                let request = device(settings, vec![tag(form.example, *data_type, access)]);
                let mut findings = Findings::new();
                let plan = driver.check(&request, &mut findings);
                if plan.is_some() != (findings.errors() == 0) {
                    complaints.push(format!(
                        "`{}` as `{data_type}`: there must be a plan or an error, never both or \
                         neither",
                        form.example
                    ));
                }
                let Some(plan) = plan else { continue };
                ways += 1;
                complaints.extend(check_plan(&plan, &request));
                if request.groups[0].tags[0].read {
                    passed.push((form.example, *data_type));
                }
                let can_write = spec.abilities.contains(&Ability::Write);
                if request.groups[0].tags[0].write && !can_write {
                    complaints.push("plans a write but does not list the ability".to_owned());
                }
            }
        }
        if ways == 0 {
            complaints.push(format!("the address example `{}` passes for no type", form.example));
        }
    }
    let all = passed.iter().map(|(address, t)| tag(address, *t, Access::Read)).collect();
    let request = device(settings, all);
    let mut findings = Findings::new();
    match driver.check(&request, &mut findings) {
        Some(plan) => complaints.extend(check_plan(&plan, &request)),
        None => complaints.push(format!("all examples in one group fail: {:?}", findings.list())),
    }
}

fn check_plan(plan: &DevicePlan, request: &DeviceRequest<'_>) -> Vec<String> {
    let mut complaints = Vec::new();
    let well_formed = plan.link.split_once("://").is_some_and(|(scheme, rest)| {
        !scheme.is_empty() && !rest.is_empty() && !plan.link.contains(char::is_whitespace)
    });
    if !well_formed {
        complaints.push(format!("the link `{}` is not SCHEME://PLACE", plan.link));
    }
    if plan.groups.len() != request.groups.len() {
        complaints.push("the plan must have one group for each of the request".to_owned());
    }
    for (group, asked) in plan.groups.iter().zip(&request.groups) {
        let mut reads = vec![0; asked.tags.len()];
        for index in group.reads.iter().flat_map(|read| &read.tags) {
            match reads.get_mut(*index as usize) {
                Some(count) => *count += 1,
                None => complaints.push(format!("a read of tag {index}, which is not there")),
            }
        }
        if group.writes.len() != asked.tags.len() {
            complaints.push("`writes` must have one entry for each tag".to_owned());
        }
        // A device that cannot be asked reports, and has no reads.
        let asks = group.watch.is_none() || !group.reads.is_empty();
        for (index, tag) in asked.tags.iter().enumerate() {
            if asks && reads[index] != usize::from(tag.read) {
                complaints.push(format!("`{}` is read {} times", tag.address, reads[index]));
            }
            if group.writes.get(index).is_some_and(|write| write.is_some() != tag.write) {
                complaints.push(format!("`{}`: a way to write, against its access", tag.address));
            }
        }
    }
    complaints
}

fn check_wrong_addresses(
    driver: &dyn Driver,
    spec: &Spec,
    settings: &Value,
    complaints: &mut Vec<String>,
) {
    let long = "9".repeat(limits::ADDRESS_BYTES_MAX);
    for address in WRONG_ADDRESSES.into_iter().chain([long.as_str()]) {
        let request = device(settings, vec![tag(address, spec.data_types[0], Access::Read)]);
        let mut findings = Findings::new();
        if driver.check(&request, &mut findings).is_some() || findings.errors() == 0 {
            complaints.push(format!("takes {address:?} as an address"));
        }
        for finding in findings.list() {
            if finding.problem.is_empty() || finding.remedy.is_empty() {
                complaints.push(format!("no problem or no remedy about {address:?}"));
            }
            if finding.place.0.first() != Some(&Segment::Key("groups".to_owned())) {
                complaints.push(format!("the finding about {address:?} is not placed at its tag"));
            }
        }
    }
}

/// A component may be asked before the schema was looked at; it must say no, not break down.
fn check_wrong_settings(
    complaints: &mut Vec<String>,
    example: &Value,
    check: impl Fn(&Value, &mut Findings) -> bool,
) {
    let mut unknown = example.clone();
    unknown["no_such_setting"] = Value::from(1);
    for wrong in [unknown, Value::Null, Value::from("text"), Value::from(1), Value::Array(vec![])] {
        let mut findings = Findings::new();
        // An empty list reads as a structure of defaults; it is the schema that refuses it.
        let must_fail = !wrong.is_array();
        if check(&wrong, &mut findings) && must_fail {
            complaints.push(format!("takes the settings {wrong}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tagwerk_component::{AddressForm, BoxFuture, Fault, GroupPlan, LinkContext, Open, Session};

    /// Breaks the contract in every way there is room for: the tests above must notice.
    struct Careless;

    impl Open for Careless {
        fn open<'a>(
            &'a self,
            _: &'a LinkContext,
        ) -> BoxFuture<'a, Result<Box<dyn Session>, Fault>> {
            Box::pin(async { Err(Fault::Link("never".to_owned())) })
        }
    }

    impl Driver for Careless {
        fn spec(&self) -> Spec {
            Spec {
                name: "Careless Driver",
                summary: "no",
                settings: schemars::json_schema!({ "type": "object" }),
                addresses: vec![AddressForm { form: "x", meaning: "", example: "x" }],
                data_types: vec![DataType::Bool],
                abilities: Vec::new(),
                example: "some: thing",
            }
        }

        fn check(&self, _: &DeviceRequest<'_>, _: &mut Findings) -> Option<DevicePlan> {
            Some(DevicePlan {
                link: "no link".to_owned(),
                open: std::sync::Arc::new(Careless),
                read_retries: 0,
                groups: vec![GroupPlan::default()],
                browse: None,
            })
        }
    }

    #[test]
    fn a_careless_driver_is_caught() {
        let panic = std::panic::catch_unwind(|| driver(&Careless)).unwrap_err();
        let text = panic.downcast_ref::<String>().unwrap();
        for complaint in [
            "the name must be",
            "the summary must be",
            "lists no ability",
            "address form `x` is incomplete",
            "takes unknown keys",
            "is not SCHEME://PLACE",
            "is read 0 times",
            "`writes` must have one entry",
            "plans a write but does not list the ability",
            "takes \"\" as an address",
            "takes the settings null",
        ] {
            assert!(text.contains(complaint), "not noticed: {complaint}\n{text}");
        }
    }
}
