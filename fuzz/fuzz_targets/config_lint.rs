//! Configuration documents: linting ends, with findings or a checked document, never both or neither.
//! The document is compared with itself and read as the source of a device's template besides.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tagwerk_config::{Catalogue, TemplateSource, Weight, diff, lint, lint_device};

const CATALOGUE: Catalogue = Catalogue { drivers: &[&tagwerk_driver_sim::Sim], sinks: &[], channels: tagwerk_sinks::CHANNELS };

fuzz_target!(|bytes: &[u8]| {
    let lint = lint(bytes, &CATALOGUE);
    let errors = lint.findings.iter().filter(|finding| finding.weight == Weight::Error).count();
    assert!(errors == 0 || lint.checked.is_none(), "errors, and a checked document");
    assert!(
        errors > 0 || lint.dropped > 0 || lint.checked.is_some(),
        "neither errors nor a checked document"
    );
    if let Ok(diff) = diff(bytes, bytes) {
        assert!(diff.templates.is_empty(), "a template that differs from itself");
    }
    let device = serde_json::json!({ "name": "d", "template": "t", "parameters": { "a": 1 } });
    let lint = lint_device(&device, TemplateSource::Document(bytes), &CATALOGUE);
    assert!(lint.device.is_some() || !lint.findings.is_empty() || lint.dropped > 0);
});
