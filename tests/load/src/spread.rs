//! Several readings of one figure.

use serde::Serialize;

/// The median of several readings, with the smallest and the largest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The reading in the middle; of an even number of readings, the lower of the two.
    pub median: f64,
    /// The smallest reading.
    pub min: f64,
    /// The largest reading.
    pub max: f64,
}

impl Spread {
    /// What `readings` say together; `None` where there are none.
    #[must_use]
    pub fn of(readings: &[f64]) -> Option<Self> {
        let mut sorted = readings.to_vec();
        sorted.sort_by(f64::total_cmp);
        Some(Self {
            median: *sorted.get(sorted.len().checked_sub(1)? / 2)?,
            min: *sorted.first()?,
            max: *sorted.last()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reading_in_the_middle_stands_between_the_extremes() {
        assert_eq!(Spread::of(&[]), None);
        for (readings, expected) in [
            (&[2.0][..], [2.0, 2.0, 2.0]),
            (&[3.0, 1.0, 2.0], [2.0, 1.0, 3.0]),
            (&[4.0, 1.0, 3.0, 2.0], [2.0, 1.0, 4.0]),
        ] {
            let spread = Spread::of(readings).unwrap();
            let seen = [spread.median, spread.min, spread.max];
            assert_eq!(seen, expected, "{readings:?}");
        }
    }
}
