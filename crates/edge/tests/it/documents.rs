//! Generated documents that are committed: they must be what the code says.

use crate::process::{Edge, tagwerk};
use serde_json::Value;
use std::path::Path;
use tagwerk_api::routes;

#[test]
fn the_committed_openapi_document_is_what_the_program_prints() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../openapi/edge.json");
    let committed = std::fs::read_to_string(path).unwrap();
    let printed = tagwerk(Path::new("/nowhere")).arg("openapi").output().unwrap().stdout;
    let printed = String::from_utf8(printed).unwrap();
    let again = "write it again: cargo run -p tagwerk-edge -- openapi > openapi/edge.json";
    assert!(committed == printed, "{again}");
}

#[test]
fn the_served_document_has_every_route_and_its_role() {
    let edge = Edge::start();
    let document: Value = edge.with_role("viewer").get("/api/v1/openapi.json").expect(200).json();
    assert_eq!(document["openapi"], "3.1.0");
    for route in routes::ALL {
        let operation = &document["paths"][route.path][route.method.name().to_lowercase()];
        assert!(operation.is_object(), "{}", route.path);
        let open = operation["security"] == serde_json::json!([]);
        assert_eq!(open, operation.get("x-role").is_none(), "{}", route.path);
    }
}

#[test]
fn components_and_the_schema_are_there_for_forms_and_editors() {
    let edge = Edge::start();
    let viewer = edge.with_role("viewer");
    let components = viewer.get("/api/v1/components").expect(200).json();
    for spec in components["drivers"].as_array().unwrap() {
        assert!(spec["settings"].is_object(), "{spec}");
        // One has nothing to read: its tags are computed.
        if spec["name"] != "calculated" {
            assert!(!spec["addresses"].as_array().unwrap().is_empty(), "{spec}");
            assert!(!spec["abilities"].as_array().unwrap().is_empty(), "{spec}");
        }
    }
    assert!(viewer.get("/api/v1/config/schema").expect(200).json().is_object());
}
