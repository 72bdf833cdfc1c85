//! Files to import: reading ends in every format, with findings or a document that passes the check. The
//! first byte chooses the format.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tagwerk_bulk::{Format, Mode, import};
use tagwerk_config::{Catalogue, Weight, lint};

const CATALOGUE: Catalogue = Catalogue { drivers: &[&tagwerk_driver_sim::Sim], sinks: &[], channels: &[] };

const CURRENT: &str = "version: 1\nedge: { name: p }\ndevices:\n- name: d\n  driver: sim\n  groups:\n  \
                       - name: g\n    interval: 1s\n    tags:\n    - { name: t, address: x, type: bool }\n";

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let format = match first % 5 {
        0 => Format::Auto,
        1 => Format::Csv,
        2 => Format::Xlsx,
        3 => Format::Neuron,
        _ => Format::ThingsPro,
    };
    let mode = if first & 0x80 == 0 { Mode::Merge } else { Mode::Replace };
    let found = import(rest, format, CURRENT, mode, &CATALOGUE);
    let errors = found.findings.iter().filter(|finding| finding.weight == Weight::Error).count();
    assert!(errors == 0 || found.document.is_none(), "errors, and a document");
    assert!(
        errors > 0 || found.findings_dropped > 0 || found.document.is_some(),
        "neither errors nor a document"
    );
    if let Some(document) = found.document {
        let lint = lint(document.as_bytes(), &CATALOGUE);
        assert!(lint.checked.is_some(), "{:?}\n{document}", lint.findings);
    }
});
