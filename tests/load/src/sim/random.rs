//! Numbers that look random, and are the same in each run.

/// A source of them (SplitMix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Other numbers for each seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(hash(seed))
    }

    /// The next one.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(1);
        hash(self.0)
    }

    /// One from 0 to less than `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.number() % end.max(1)
    }

    /// One from 0 to 1.
    pub fn fraction(&mut self) -> f64 {
        (self.number() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// How many arrive where `mean` do on average: Knuth's way, and where they are many, the normal distribution's.
    pub fn arrivals(&mut self, mean: f64) -> u32 {
        if mean > 50.0 {
            let (one, other) = (self.fraction().max(f64::MIN_POSITIVE), self.fraction());
            let normal = (-2.0 * one.ln()).sqrt() * (std::f64::consts::TAU * other).cos();
            return (mean + mean.sqrt() * normal).round().max(0.0) as u32;
        }
        let limit = (-mean).exp();
        let mut count = 0;
        let mut product = self.fraction();
        while product > limit {
            count += 1;
            product *= self.fraction();
        }
        count
    }
}

/// What looks random, from a number: SplitMix64's finish.
#[must_use]
pub fn hash(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
