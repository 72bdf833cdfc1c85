//! Tests that look inside; those of the session speak to a scripted peer.

mod addresses;
mod guide;
mod packing;
mod values;

#[test]
fn the_driver_is_what_every_driver_must_be() {
    tagwerk_testkit::conformance::driver(&crate::S7);
}
