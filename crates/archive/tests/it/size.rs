//! What samples take in a file.

use crate::feed::{SECOND, START, name};
use tagwerk_archive::image;
use tagwerk_historian::{Piece, Values};
use tagwerk_model::{DataType, TagId};
use tagwerk_testkit::simulated::Random;

#[test]
fn slowly_varying_values_take_a_few_bytes() {
    let mut random = Random::new(1);
    let mut pieces = Vec::new();
    for tag in 0..20 {
        let mut level: i64 = 2_000;
        let mut times = Vec::new();
        let mut values = Vec::new();
        for i in 0..10_000 {
            level += random.below(7) as i64 - 3;
            times.push(START + i * SECOND + random.below(2_000_000) as i64);
            values.push(level as f64 / 100.0);
        }
        let piece =
            Piece::new(TagId(tag), DataType::Float64, "°C".into(), times, Values::F64(values));
        pieces.push((name("press", &format!("{tag:02}")), piece));
    }
    let bytes = image("edge-1", &pieces).unwrap().len() as f64 / 200_000.0;
    println!("{bytes:.2} bytes per sample");
    assert!(bytes < 10.0, "{bytes:.2} bytes per sample");
}
