//! What several proofs are worth together.

use super::*;

fn finding(kind: ProofKind, result: ProofResult) -> ProofFinding {
    ProofFinding {
        kind,
        result,
        text: String::new(),
    }
}

fn outcome(found: &[(ProofKind, ProofResult)], worth: Weak) -> String {
    let evidence = Evidence {
        findings: found
            .iter()
            .map(|&(kind, result)| finding(kind, result))
            .collect(),
        ..Evidence::default()
    };
    let outcome = evidence.outcome(false, Ok(false), worth, Missing::default());
    format!("{} {outcome}", outcome.code())
}

#[test]
fn one_proof_is_enough_and_weak_ones_are_none() {
    use ProofResult::*;
    for (found, ignored, accepted) in [
        (&[][..], "unproven unproven", "unproven unproven"),
        (
            &[(ProofKind::Watermark, Wrong), (ProofKind::Ledger, Counts)],
            "ledger ledger",
            "ledger ledger",
        ),
        (
            &[(ProofKind::Watermark, Expired), (ProofKind::Dkim, Counts)],
            "dkim dkim",
            "dkim dkim",
        ),
        // A proof that is wrong says more than what anybody could have.
        (
            &[(ProofKind::Watermark, Wrong), (ProofKind::Dkim, TooLittle)],
            "watermark_wrong forged",
            "watermark_wrong forged",
        ),
        (
            &[(ProofKind::Watermark, Expired)],
            "watermark_expired forged",
            "watermark_expired forged",
        ),
        // Only a watermark is forged: signatures break on their way, and a Message-ID is just old.
        (
            &[
                (ProofKind::Ledger, Expired),
                (ProofKind::Dkim, Wrong),
                (ProofKind::Dkim, Expired),
            ],
            "unproven unproven",
            "unproven unproven",
        ),
        (
            &[(ProofKind::Watermark, AboutAnother)],
            "unproven weak:recipient",
            "weak_evidence weak:recipient",
        ),
        (
            &[(ProofKind::Dkim, TooLittle)],
            "unproven weak:signature",
            "weak_evidence weak:signature",
        ),
        (
            &[(ProofKind::Ledger, Replayed)],
            "proof_replayed unproven",
            "proof_replayed unproven",
        ),
        // It comes again, whatever else is in it.
        (
            &[(ProofKind::Watermark, Wrong), (ProofKind::Ledger, Repeated)],
            "proof_repeated unproven",
            "proof_repeated unproven",
        ),
        (
            &[
                (ProofKind::Dkim, AboutAnother),
                (ProofKind::Dkim, CountsUnlisted),
            ],
            "dkim_unlisted dkim(unlisted)",
            "dkim_unlisted dkim(unlisted)",
        ),
    ] {
        assert_eq!(outcome(found, Weak::Ignore), ignored, "{found:?}");
        assert_eq!(outcome(found, Weak::Accept), accepted, "{found:?}");
    }
}

/// A flood brings copies as well.
#[test]
fn under_siege_a_signature_of_a_message_to_others_is_weak() {
    let of = |result| Evidence {
        findings: vec![
            finding(ProofKind::Dkim, ProofResult::AboutAnother),
            finding(ProofKind::Dkim, result),
        ],
        ..Evidence::default()
    };
    for (result, worth, expected) in [
        (
            ProofResult::CountsUnlisted,
            Weak::Ignore,
            "unproven weak:recipient",
        ),
        (
            ProofResult::CountsUnlisted,
            Weak::Accept,
            "weak_evidence weak:recipient",
        ),
        (ProofResult::Counts, Weak::Ignore, "dkim dkim"),
    ] {
        let evidence = of(result);
        let outcome = evidence.outcome(true, Ok(false), worth, Missing::default());
        assert_eq!(format!("{} {outcome}", outcome.code()), expected);
    }
}

#[test]
fn the_store_is_what_did_not_answer_before_dns() {
    let evidence = |answers: &[Outside]| Evidence {
        findings: answers
            .iter()
            .map(|&outside| finding(ProofKind::Dkim, ProofResult::Unanswered(outside)))
            .collect(),
        ..Evidence::default()
    };
    use Outside::*;
    for (answers, unanswered) in [
        (&[][..], None),
        (&[Dns], Some(Dns)),
        (&[Store, Dns], Some(Store)),
    ] {
        assert_eq!(evidence(answers).unanswered(), unanswered);
    }
}
