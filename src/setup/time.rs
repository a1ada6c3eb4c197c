//! Times in the settings of MTAs.

/// Seconds of a time such as `1h`; days without a letter where `unit` is `d`.
pub(super) fn seconds(time: &str, unit: char) -> Option<u64> {
    let digits = time.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().ok()?;
    let letter = time.get(digits.len()..)?.chars().next().unwrap_or(unit);
    let factor = match letter {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    number.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        for (time, unit, expected) in [
            ("0", 'h', Some(0)),
            ("4h", 's', Some(14_400)),
            ("5", 'd', Some(432_000)),
            ("1w", 's', Some(604_800)),
            ("x", 's', None),
            ("5y", 's', None),
            ("99999999999999999999", 's', None),
            ("9999999999999999999", 'w', None),
        ] {
            assert_eq!(seconds(time, unit), expected, "{time}");
        }
    }
}
