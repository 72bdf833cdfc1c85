//! What numbered answers prove: nothing missing, nothing out of order, and what came twice.
//!
//! The plant numbers a unit's answers 1, 2, 3 …; a receiver sees them in the order of arrival.

use std::collections::BTreeSet;

/// What arrived of one unit.
pub struct Numbers<'a> {
    pub arrived: &'a [u64],
    /// The first and the last number that the edge was given.
    pub first: u64,
    pub last: u64,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Proof {
    pub missing: Vec<u64>,
    /// Arrivals of a number that had arrived before.
    pub repeated: usize,
    /// Arrivals of a new number after a greater one.
    pub disordered: Vec<u64>,
}

impl Proof {
    pub const PERFECT: Proof = Proof { missing: Vec::new(), repeated: 0, disordered: Vec::new() };
}

impl Numbers<'_> {
    pub fn prove(&self) -> Proof {
        let mut seen = BTreeSet::new();
        let (mut repeated, mut disordered) = (0, Vec::new());
        for number in self.arrived {
            let greatest = seen.last().copied();
            if !seen.insert(*number) {
                repeated += 1;
            } else if greatest.is_some_and(|greatest| greatest > *number) {
                disordered.push(*number);
            }
        }
        let missing = (self.first..=self.last).filter(|number| !seen.contains(number)).collect();
        Proof { missing, repeated, disordered }
    }
}

/// The checker itself must find what it is for.
#[test]
fn the_proof_finds_what_is_missing_repeated_or_out_of_order() {
    let prove = |arrived: &[u64]| Numbers { arrived, first: 1, last: 5 }.prove();
    assert_eq!(prove(&[1, 2, 3, 4, 5]), Proof::PERFECT);
    assert_eq!(prove(&[1, 2, 3, 2, 3, 4, 5]), Proof { repeated: 2, ..Proof::PERFECT });
    assert_eq!(prove(&[1, 3, 5]), Proof { missing: vec![2, 4], ..Proof::PERFECT });
    assert_eq!(prove(&[]).missing, [1, 2, 3, 4, 5]);
    assert_eq!(prove(&[1, 3, 2, 4, 5]), Proof { disordered: vec![2], ..Proof::PERFECT });
}
