//! Configuration documents: linting ends, with findings or a checked document, never both or neither.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tagwerk_config::{Catalogue, Weight, lint};

const CATALOGUE: Catalogue = Catalogue { drivers: &[&tagwerk_driver_sim::Sim], sinks: &[] };

fuzz_target!(|bytes: &[u8]| {
    let lint = lint(bytes, &CATALOGUE);
    let errors = lint.findings.iter().filter(|finding| finding.weight == Weight::Error).count();
    assert!(errors == 0 || lint.checked.is_none(), "errors, and a checked document");
    assert!(
        errors > 0 || lint.dropped > 0 || lint.checked.is_some(),
        "neither errors nor a checked document"
    );
});
