//! Reasons, proofs and actions in words, for pages that people read. What is stored has only the codes.

use super::Action;

/// What a reason says, by its code ([`Reason::code`](super::Reason::code)); `None` for what this version does not know.
pub fn reason_words(code: &str) -> Option<&'static str> {
    let (_, words) = REASONS.iter().find(|(of, _)| *of == code)?;
    Some(words)
}

/// What a bounce proved, by the word that is counted for it; `None` for what this version does not know.
pub fn proof_words(word: &str) -> Option<&'static str> {
    let (_, words) = PROOFS.iter().find(|(of, _)| *of == word)?;
    Some(words)
}

impl Action {
    /// What was done with the mail.
    pub fn done(self) -> &'static str {
        match self {
            Self::Accept => "accepted",
            Self::Tag => "tagged",
            Self::Tempfail => "deferred",
            Self::Reject => "refused",
            Self::Discard => "dropped",
            Self::Quarantine => "held",
        }
    }
}

const REASONS: &[(&str, &str)] = &[
    ("nothing_found", "nothing speaks against it"),
    (
        "outgoing_authenticated",
        "outgoing: its sender has logged in",
    ),
    ("outgoing_network", "outgoing: from a network of yours"),
    ("outgoing_daemon", "outgoing: through a daemon of yours"),
    ("outgoing_local", "outgoing: from this host"),
    ("exempt_postmaster", "to postmaster, who gets all mail"),
    ("exempt_recipient", "to an exempt recipient"),
    ("exempt_client", "from an exempt host"),
    ("refused_by_mta", "your MTA refused the recipient"),
    ("client_unknown", "the address of the host is not known"),
    ("spf_none", "the sender’s domain has no SPF record"),
    (
        "spf_neutral",
        "SPF: the sender’s domain says neither yes nor no to this host",
    ),
    ("spf_pass", "SPF: the sender’s domain allows this host"),
    (
        "spf_fail",
        "SPF: the sender’s domain does not allow this host",
    ),
    ("spf_softfail", "SPF: the sender’s domain doubts this host"),
    (
        "spf_temperror",
        "SPF of the sender’s domain could not be looked up",
    ),
    (
        "spf_permerror",
        "the SPF record of the sender’s domain is broken",
    ),
    ("spf_helo_none", "the HELO name has no SPF record"),
    (
        "spf_helo_neutral",
        "SPF: the HELO name says neither yes nor no to this host",
    ),
    ("spf_helo_pass", "SPF: the HELO name allows this host"),
    (
        "spf_helo_fail",
        "SPF: the HELO name does not allow this host",
    ),
    ("spf_helo_softfail", "SPF: the HELO name doubts this host"),
    (
        "spf_helo_temperror",
        "SPF of the HELO name could not be looked up",
    ),
    (
        "spf_helo_permerror",
        "the SPF record of the HELO name is broken",
    ),
    (
        "mail_from_forged",
        "a stranger sends in the name of your domain",
    ),
    (
        "null_sender_extra_recipient",
        "a bounce to more than one recipient",
    ),
    (
        "other_recipients",
        "it has to come separately for each recipient",
    ),
    ("other_answers", "it has to come separately for each domain"),
    ("never_sends", "a bounce to an address that never sends"),
    ("known_bounce", "a bounce to a listed address"),
    ("known_mail", "mail to a listed address"),
    ("rule_bounce", "a bounce to an address of a rule"),
    ("rule_mail", "mail to an address of a rule"),
    (
        "catch_all_bounce",
        "a bounce to an address that only the catch-all has",
    ),
    (
        "catch_all_mail",
        "mail to an address that only the catch-all has",
    ),
    ("unknown_bounce", "a bounce to an unknown address"),
    ("unknown_mail", "mail to an unknown address"),
    (
        "batv",
        "the tag in its address proves that it returns mail of yours",
    ),
    ("watermark", "it returns mail with your watermark"),
    ("ledger", "it returns a Message-ID that you sent"),
    ("dkim", "it returns mail with your DKIM signature"),
    (
        "dkim_unlisted",
        "it returns mail with your DKIM signature, sent to others",
    ),
    ("dkim2", "its DKIM2 chain begins with mail of yours"),
    (
        "weak_evidence",
        "weak evidence that it returns mail of yours",
    ),
    ("unproven", "no proof that it returns mail of yours"),
    (
        "proof_replayed",
        "it returns one message of yours too often",
    ),
    ("proof_repeated", "the same bounce came minutes ago"),
    ("srs", "to an SRS address: the SRS daemon decides"),
    ("batv_wrong", "the tag in its address was not made here"),
    ("batv_expired", "the tag in its address is too old"),
    ("watermark_wrong", "its watermark was not made here"),
    ("watermark_expired", "its watermark is too old"),
    ("batv_guessed", "from a host that guesses tags"),
    ("dnsbl", "from a host on a DNS list"),
    ("not_a_notification", "no sender, and not a bounce"),
    (
        "unauthenticated_report",
        "a report without a sender that nobody vouches for",
    ),
    (
        "header_from_forged",
        "a stranger writes your domain in From:",
    ),
    (
        "header_from_doubtful",
        "your domain in From:, and what vouches for it may be a copy",
    ),
    (
        "reply_to_forgery",
        "it answers mail that somebody sent in your name",
    ),
    ("header_rule", "a rule for headers matches"),
    (
        "siege_unproven",
        "besieged: no proof that it returns mail of yours",
    ),
    (
        "siege_catch_all_bounce",
        "besieged: a bounce to an address that only the catch-all has",
    ),
    (
        "siege_catch_all_mail",
        "besieged: mail to an address that only the catch-all has",
    ),
    (
        "siege_listed",
        "besieged: no sender, from a host on a DNS list",
    ),
    (
        "siege_extra_recipient",
        "besieged: a bounce to more than one recipient",
    ),
    (
        "forged_headers",
        "too many headers claim to be written here",
    ),
    (
        "directory_unavailable",
        "the list of recipients did not answer",
    ),
    ("stopping", "Backstop was stopping"),
    ("internal", "an error of Backstop itself"),
];

const PROOFS: &[(&str, &str)] = &[
    ("batv", "a valid tag in the address"),
    ("watermark", "your watermark in the returned headers"),
    ("ledger", "a Message-ID that you sent"),
    ("dkim", "your DKIM signature"),
    ("dkim(unlisted)", "your DKIM signature, on mail to others"),
    ("dkim2", "a DKIM2 chain that begins with you"),
    ("weak", "weak evidence only"),
    ("unproven", "no proof"),
    ("forged", "a tag or watermark that is wrong or too old"),
    ("srs", "left to the SRS daemon"),
    ("not_asked", "not looked for"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::core::proof::ProofKind;

    #[test]
    fn no_two_codes_have_the_same_words() {
        for table in [REASONS, PROOFS] {
            let codes: BTreeSet<_> = table.iter().map(|(code, _)| code).collect();
            let words: BTreeSet<_> = table.iter().map(|(_, words)| words).collect();
            assert_eq!((codes.len(), words.len()), (table.len(), table.len()));
        }
    }

    #[test]
    fn each_proof_has_words() {
        for kind in ProofKind::ALL {
            assert!(proof_words(kind.as_str()).is_some() && reason_words(kind.as_str()).is_some());
        }
        assert_eq!(reason_words("others"), None);
        assert_eq!(proof_words("weak"), Some("weak evidence only"));
        assert_eq!(proof_words("others"), None);
    }

    #[test]
    fn each_action_has_a_word_of_its_own() {
        use Action::{Accept, Discard, Quarantine, Reject, Tag, Tempfail};
        let done = [Accept, Tag, Tempfail, Reject, Discard, Quarantine].map(Action::done);
        let words = [
            "accepted", "tagged", "deferred", "refused", "dropped", "held",
        ];
        assert_eq!(done, words);
    }
}
