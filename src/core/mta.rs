//! Which MTA asks. Postfix and Sendmail put different things into the macros of one name.

pub mod refused;

/// The MTA, as far as its macro `v` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mta {
    /// `$mail_name $mail_version`: "Postfix 3.7.11".
    Postfix,
    /// The bare version: "8.17.1.9", or a vendor's before or behind it ("8.15.2+Sun", "AIX7.2/8.14.4").
    Sendmail,
    /// It gave no version, or one that neither writes: nothing is known of what its macros hold.
    #[default]
    Unknown,
}

impl Mta {
    /// Reads the macro `v`.
    pub fn from_version(version: &[u8]) -> Self {
        let mut words = version.split(u8::is_ascii_whitespace);
        match words.next() {
            Some(b"Postfix") => Self::Postfix,
            Some(word) if word.split(|&byte| byte == b'/').any(is_version_8) => Self::Sendmail,
            _ => Self::Unknown,
        }
    }
}

/// All of Sendmail's releases with milters are 8.x.
fn is_version_8(text: &[u8]) -> bool {
    matches!(text, [b'8', b'.', minor, ..] if minor.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_names_the_mta() {
        for (version, mta) in [
            ("Postfix 3.7.11", Mta::Postfix),
            ("Postfix 3.11-20250910", Mta::Postfix),
            ("Postfix", Mta::Postfix),
            ("8.17.1.9", Mta::Sendmail),
            ("8.18.1", Mta::Sendmail),
            ("8.15.2+Sun", Mta::Sendmail),
            ("8.13.8/8.13.8/Debian-3", Mta::Sendmail),
            ("AIX7.2/8.14.4", Mta::Sendmail),
            // `mail_name` is the administrator's.
            ("ESMTP 3.7.11", Mta::Unknown),
            ("Postfixes 3.7.11", Mta::Unknown),
            ("postfix.example 1", Mta::Unknown),
            ("8", Mta::Unknown),
            ("8.x", Mta::Unknown),
            ("18.1", Mta::Unknown),
            ("", Mta::Unknown),
            ("\u{fffd}", Mta::Unknown),
        ] {
            assert_eq!(Mta::from_version(version.as_bytes()), mta, "{version}");
        }
    }
}
