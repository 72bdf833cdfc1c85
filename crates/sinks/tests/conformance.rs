//! Every sink of the list is what a sink must be.

#[test]
fn every_sink_is_what_every_sink_must_be() {
    tagwerk_sinks::SINKS.iter().for_each(|sink| tagwerk_testkit::conformance::sink(*sink));
}
