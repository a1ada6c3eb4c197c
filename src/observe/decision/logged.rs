//! Reads decision lines back, as they were logged.

/// The fields of a decision line, in their order.
pub const FIELDS: [&str; 18] = [
    "id",
    "queue_id",
    "client",
    "helo",
    "mail_from",
    "rcpt",
    "verdict",
    "reason",
    "by",
    "spf",
    "spf_helo",
    "kind",
    "evidence",
    "batv",
    "proof",
    "signed",
    "no_dsn",
    "would",
];

/// The first words of fields that stand in angle brackets.
const PATHS: [&str; 2] = ["mail_from", "rcpt"];

/// A decision line: each value as it was written, `-` where there was none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedDecision([String; FIELDS.len()]);

impl LoggedDecision {
    /// Reads the text of a line, without what the log puts before it. `None` for any other line.
    pub fn read(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let mut values: [String; FIELDS.len()] = Default::default();
        for (field, value) in FIELDS.iter().zip(&mut values) {
            let word = words.next()?.strip_prefix(field)?.strip_prefix('=')?;
            let word = match PATHS.contains(field) {
                true => word.strip_prefix('<')?.strip_suffix('>')?,
                // One that was cut off has none.
                false => Some(word).filter(|word| !word.is_empty())?,
            };
            word.clone_into(value);
        }
        words.next().is_none().then_some(Self(values))
    }

    /// The value of a field; `None` where it has none, or there is no such field.
    pub fn field(&self, name: &str) -> Option<&str> {
        let at = FIELDS.iter().position(|field| *field == name)?;
        let value = self.0.get(at)?.as_str();
        Some(value).filter(|value| *value != "-" || PATHS.contains(&name))
    }
}

/// What one check found, as `log.level: debug` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedCheck<'a> {
    /// Our own id of the message.
    pub id: &'a str,
    /// The check, as the configuration names it.
    pub check: &'a str,
    /// What it found.
    pub finding: &'a str,
}

impl<'a> LoggedCheck<'a> {
    /// Reads the text of a line, without what the log puts before it. `None` for any other line.
    pub fn read(text: &'a str) -> Option<Self> {
        let (id, rest) = text.strip_prefix("id=")?.split_once(' ')?;
        let (check, finding) = rest.strip_prefix("check=")?.split_once(' ')?;
        Some(Self { id, check, finding })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        core::{
            address::{Mailbox, ReversePath},
            proof::{ProofKind, evidence::Outcome},
            verdict::{Action, Entry, Reason, Verdict},
        },
        observe::Decision,
    };

    proptest! {
        /// Whatever strangers write into it, each line is read as it was meant, and no line is one that they made up.
        #[test]
        fn each_line_that_is_written_is_read(
            (id, helo, from, rcpt, queue_id) in (
                "[0-9a-f]{1,16}",
                proptest::option::of(proptest::collection::vec(any::<u8>(), 0..300)),
                proptest::collection::vec(any::<u8>(), 0..300),
                "[ -~\\n]{0,60}",
                proptest::option::of("[0-9A-Za-z]{1,20}"),
            ),
            action in prop::sample::select(&Action::ALL[..]),
            (would, by, proof) in any::<(bool, bool, bool)>(),
        ) {
            let verdict = Verdict {
                action,
                would: would.then_some(Action::Reject),
                by: by.then(|| Entry::new("headers", "a b,c;d\ne")),
                proof: proof.then(|| Outcome::by(ProofKind::Batv)),
                ..Verdict::accept(Reason::NeverSends)
            };
            let (sender, recipient) = (ReversePath::from_bytes(&from), Mailbox::from_bytes(rcpt.as_bytes()));
            let line = Decision {
                id: &id,
                queue_id: queue_id.as_ref().map(|id| id.as_bytes()),
                client: "2001:db8::1".parse().ok(),
                helo: helo.as_deref(),
                mail_from: &sender,
                rcpt: &recipient,
                verdict: &verdict,
                spf: None,
                batv: Some("valid"),
                signed: &["batv", "ledger"],
            }
            .to_string();
            let read = LoggedDecision::read(&line);
            prop_assert!(read.is_some(), "{line}");
            let read = read.unwrap();
            prop_assert_eq!(read.field("id"), Some(&*id));
            prop_assert_eq!(read.field("queue_id"), queue_id.as_deref());
            prop_assert_eq!(read.field("verdict"), Some(action.as_str()));
            prop_assert_eq!(read.field("reason"), Some("never_sends"));
            prop_assert_eq!(read.field("would"), would.then_some("reject"));
            prop_assert_eq!(read.field("by").is_some(), by);
            prop_assert_eq!(read.field("proof"), proof.then_some("batv"));
            prop_assert_eq!(read.field("signed"), Some("batv,ledger"));
            // The line has what it was read from, and nothing else.
            let again: Vec<String> = FIELDS.iter().zip(&read.0).map(|(field, value)| {
                match PATHS.contains(field) {
                    true => format!("{field}=<{value}>"),
                    false => format!("{field}={value}"),
                }
            }).collect();
            prop_assert_eq!(again.join(" "), line);
        }
    }

    #[test]
    fn other_lines_are_none() {
        let line = "id=1a queue_id=- client=192.0.2.1 helo=x mail_from=<> rcpt=<a@example.org> verdict=tag reason=never_sends by=- \
                    spf=- spf_helo=- kind=- evidence=- batv=- proof=- signed=- no_dsn=- would=reject";
        let read = LoggedDecision::read(line).unwrap();
        assert_eq!(
            (read.field("mail_from"), read.field("queue_id")),
            (Some(""), None)
        );
        assert_eq!(read.field("nothing"), None);
        for other in [
            "",
            "id=1a check=spf.mail_from a: pass",
            &line[..line.len() - 6],
            &format!("{line} more"),
            &format!(" {line}"),
            &line.replace("mail_from=<>", "mail_from="),
        ] {
            assert_eq!(LoggedDecision::read(other), None, "{other}");
        }
        let check = LoggedCheck::read("id=1a check=spf.mail_from a: pass by -all").unwrap();
        assert_eq!(
            (check.id, check.check, check.finding),
            ("1a", "spf.mail_from", "a: pass by -all")
        );
        assert_eq!(LoggedCheck::read(line), None);
    }
}
