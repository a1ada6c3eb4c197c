//! What several proofs are worth together.

use super::*;

fn looked(by: By, answer: Answer) -> Looked {
    Looked {
        by,
        answer,
        finding: String::new(),
    }
}

fn outcome(looked: &[(By, Answer)], worth: Weak) -> String {
    let evidence = Evidence {
        looked: looked
            .iter()
            .map(|&(by, answer)| self::looked(by, answer))
            .collect(),
        ..Evidence::default()
    };
    let outcome = evidence.outcome(false, Ok(false), worth, Missing::default());
    format!("{} {outcome}", outcome.code())
}

#[test]
fn one_proof_is_enough_and_weak_ones_are_none() {
    use Answer::*;
    for (found, ignored, accepted) in [
        (&[][..], "unproven unproven", "unproven unproven"),
        (
            &[(By::Watermark, Wrong), (By::MessageId, Counts)],
            "message_id_known message_id",
            "message_id_known message_id",
        ),
        (
            &[(By::Watermark, Expired), (By::Dkim, Counts)],
            "dkim_valid dkim",
            "dkim_valid dkim",
        ),
        // A proof that is wrong says more than what anybody could have.
        (
            &[(By::Watermark, Wrong), (By::Dkim, TooLittle)],
            "watermark_wrong forged",
            "watermark_wrong forged",
        ),
        (
            &[(By::Watermark, Expired)],
            "watermark_expired forged",
            "watermark_expired forged",
        ),
        // Only a watermark is forged: signatures break on their way, and a Message-ID is just old.
        (
            &[
                (By::MessageId, Expired),
                (By::Dkim, Wrong),
                (By::Dkim, Expired),
            ],
            "unproven unproven",
            "unproven unproven",
        ),
        (
            &[(By::Watermark, AboutAnother)],
            "unproven weak:recipient",
            "weak_evidence weak:recipient",
        ),
        (
            &[(By::Dkim, TooLittle)],
            "unproven weak:signature",
            "weak_evidence weak:signature",
        ),
        (
            &[(By::MessageId, Replayed)],
            "proof_replayed unproven",
            "proof_replayed unproven",
        ),
        // It comes again, whatever else is in it.
        (
            &[(By::Watermark, Wrong), (By::MessageId, Repeated)],
            "proof_repeated unproven",
            "proof_repeated unproven",
        ),
        (
            &[(By::Dkim, AboutAnother), (By::DkimUnlisted, Counts)],
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
    let of = |by| Evidence {
        looked: vec![
            looked(By::Dkim, Answer::AboutAnother),
            looked(by, Answer::Counts),
        ],
        ..Evidence::default()
    };
    for (by, worth, expected) in [
        (By::DkimUnlisted, Weak::Ignore, "unproven weak:recipient"),
        (
            By::DkimUnlisted,
            Weak::Accept,
            "weak_evidence weak:recipient",
        ),
        (By::Dkim, Weak::Ignore, "dkim_valid dkim"),
    ] {
        let evidence = of(by);
        let outcome = evidence.outcome(true, Ok(false), worth, Missing::default());
        assert_eq!(format!("{} {outcome}", outcome.code()), expected);
    }
}

#[test]
fn the_store_is_what_did_not_answer_before_dns() {
    let evidence = |answers: &[Outside]| Evidence {
        looked: answers
            .iter()
            .map(|&outside| looked(By::Dkim, Answer::Unanswered(outside)))
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
