//! Linear scaling between a device's raw number and the tag's value.

use serde::{Deserialize, Serialize};

/// `value = raw × slope + offset`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scale {
    pub slope: f64,
    pub offset: f64,
}

impl Scale {
    /// The line through two points: raw `from.0` is `to.0`, raw `from.1` is `to.1`. `None` when the
    /// two raw values, or the two results, are equal: such a line cannot be turned around for writes.
    pub fn two_points(from: (f64, f64), to: (f64, f64)) -> Option<Scale> {
        let slope = (to.1 - to.0) / (from.1 - from.0);
        let scale = Scale { slope, offset: to.0 - from.0 * slope };
        scale.is_usable().then_some(scale)
    }

    pub fn is_usable(self) -> bool {
        self.slope.is_finite() && self.slope != 0.0 && self.offset.is_finite()
    }

    /// A slope such as 0.1 has no exact form in binary, but its reciprocal has: 1036 at 0.1 is divided by
    /// 10 and gives 103.6, where multiplying gives 103.60000000000001.
    pub fn apply(self, raw: f64) -> f64 {
        let parts = (1.0 / self.slope).round();
        let scaled = if 1.0 / parts == self.slope { raw / parts } else { raw * self.slope };
        scaled + self.offset
    }

    /// The raw number to write so that the tag reads as `value`.
    pub fn invert(self, value: f64) -> f64 {
        (value - self.offset) / self.slope
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_slopes_give_decimal_values() {
        for (slope, raw, value) in
            [(0.1, 1036.0, 103.6), (0.01, 1999.0, 19.99), (0.001, 5.0, 0.005)]
        {
            assert_eq!(Scale { slope, offset: 0.0 }.apply(raw), value);
        }
        assert_eq!(Scale { slope: -0.1, offset: 1.0 }.apply(3.0), 0.7);
        assert_eq!(Scale { slope: 3.0, offset: 0.5 }.apply(2.0), 6.5);
    }

    #[test]
    fn two_points_define_a_line_and_its_inverse() {
        let scale = Scale::two_points((0.0, 27648.0), (-50.0, 150.0)).unwrap();
        assert_eq!(scale.apply(0.0), -50.0);
        assert!((scale.apply(27648.0) - 150.0).abs() < 1e-9);
        assert!((scale.invert(50.0) - 13824.0).abs() < 1e-9);
        assert!(Scale::two_points((1.0, 1.0), (0.0, 5.0)).is_none());
        assert!(Scale::two_points((0.0, 1.0), (5.0, 5.0)).is_none());
    }
}
