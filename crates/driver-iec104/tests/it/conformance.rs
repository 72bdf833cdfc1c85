//! The contract that every driver keeps.

#[test]
fn keeps_the_contract_of_a_driver() {
    tagwerk_testkit::conformance::driver(&tagwerk_driver_iec104::Iec104);
}
