//! Several readings of one figure.

/// The median of several readings, with the smallest and the largest.
#[derive(Debug, Clone, Copy, PartialEq)]
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
        let cases: [(&[f64], Option<(f64, f64, f64)>); 4] = [
            (&[], None),
            (&[2.0], Some((2.0, 2.0, 2.0))),
            (&[3.0, 1.0, 2.0], Some((2.0, 1.0, 3.0))),
            (&[4.0, 1.0, 3.0, 2.0], Some((2.0, 1.0, 4.0))),
        ];
        for (readings, expected) in cases {
            let seen = Spread::of(readings).map(|spread| (spread.median, spread.min, spread.max));
            assert_eq!(seen, expected, "{readings:?}");
        }
    }
}
