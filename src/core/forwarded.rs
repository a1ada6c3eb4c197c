//! `outbound:` of `milter.yaml`: what becomes of mail that this host sends on.

use std::fmt;

use serde::Deserialize;

use super::pattern::AddressList;

/// `outbound:` of `milter.yaml`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Outbound {
    /// Mail that is forwarded elsewhere.
    pub forwarded: Forwarded,
}

/// `outbound.forwarded` of `milter.yaml`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Forwarded {
    /// Recipients whose mail is forwarded, so that a later host can refuse it: no notice of that goes to a forged sender.
    pub no_dsn: AddressList,
}

/// Why a recipient's sender gets no notice of what becomes of the message: it is forged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoDsn {
    /// SPF of MAIL FROM has the result fail.
    Spf,
    /// DMARC fails, and the domain of From: asks that such mail be quarantined or rejected.
    Dmarc,
}

impl NoDsn {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Spf, Self::Dmarc];

    /// The word in the log and in the metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Spf => "spf",
            Self::Dmarc => "dmarc",
        }
    }
}

impl fmt::Display for NoDsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The parameters of RCPT with `NOTIFY=NEVER` (RFC 3461 section 4.1) in place of what they ask for; none where they ask for
/// that already. The others stay, ORCPT above all.
pub fn without_notice(parameters: &[u8]) -> Option<Vec<u8>> {
    const NOTIFY: &[u8] = b"NOTIFY=";
    const NEVER: &[u8] = b"NOTIFY=NEVER";
    let words = parameters.split(|&byte| byte == b' ');
    let words: Vec<&[u8]> = words.filter(|word| !word.is_empty()).collect();
    if words.iter().any(|word| word.eq_ignore_ascii_case(NEVER)) {
        return None;
    }
    let asks = |word: &[u8]| {
        word.get(..NOTIFY.len())
            .is_some_and(|name| name.eq_ignore_ascii_case(NOTIFY))
    };
    let others = words.into_iter().filter(|word| !asks(word));
    let words: Vec<&[u8]> = std::iter::once(NEVER).chain(others).collect();
    Some(words.join(&b' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_parameters_stay() {
        for (parameters, expected) in [
            ("", Some("NOTIFY=NEVER")),
            (
                "ORCPT=rfc822;joe@example.org",
                Some("NOTIFY=NEVER ORCPT=rfc822;joe@example.org"),
            ),
            (
                "notify=FAILURE,DELAY  ORCPT=rfc822;a+2Bb@example.org RRVS=2014-04-03T23:01:00Z;C",
                Some("NOTIFY=NEVER ORCPT=rfc822;a+2Bb@example.org RRVS=2014-04-03T23:01:00Z;C"),
            ),
            ("NOTIFY=SUCCESS", Some("NOTIFY=NEVER")),
            ("NOTIFY=never", None),
            ("ORCPT=rfc822;joe@example.org Notify=NEVER", None),
        ] {
            let found = without_notice(parameters.as_bytes());
            let found = found.map(|found| String::from_utf8(found).unwrap());
            assert_eq!(found.as_deref(), expected, "{parameters}");
        }
    }
}
