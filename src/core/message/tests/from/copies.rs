//! A post that the ledger knows vouches for a few copies to each recipient.

use super::*;

#[test]
fn copies_of_a_post_are_counted_for_each_recipient() {
    let to_list: &[&str] = &["dev@lists.friend.example"];
    let list = || chain(LIST, &[POST]).sent("jane@example.org", to_list);
    let over = || Answer::Use(Use::TooOften { limit: 3 });
    holds([
        (
            "too many",
            list().used(over()),
            DOUBTFUL,
            "dmarc ledger use",
            "fail",
        ),
        (
            "the same again",
            list().used(Answer::Use(Use::Again { times: 2 })),
            ACCEPTED,
            "dmarc ledger use",
            "fail",
        ),
        (
            "nobody can count",
            list().used(Answer::Unanswered(Outside::Store)),
            ACCEPTED,
            "dmarc ledger use",
            "fail",
        ),
        (
            "it is not counted, in explain",
            list().used(Answer::NotAsked),
            ACCEPTED,
            "dmarc ledger use",
            "fail",
        ),
        (
            "too many, where such mail is only tagged",
            list()
                .used(over())
                .site("header_from: reject", "header_from: tag"),
            DOUBTFUL,
            "dmarc ledger use",
            "fail",
        ),
        (
            "to several",
            list().used(over()).to(&[JOE, "ann@example.org"]),
            "tag header_from_doubtful, tag header_from_doubtful",
            "dmarc ledger use",
            "fail",
        ),
    ]);
    // Each recipient and each list has its own count, and what comes again is the same copy.
    let uses = |chain: &Chain| {
        let mut uses = Vec::new();
        let _ = chain.up_to_headers(|question| {
            if let Question::Use {
                message, attempt, ..
            } = question
            {
                uses.push((*message, attempt.notification, attempt.limit));
            }
        });
        uses
    };
    let two = uses(&list().to(&[JOE, "ann@example.org"]));
    assert_eq!(two.len(), 2);
    assert_ne!(two[0].0, two[1].0);
    assert_eq!((two[0].1, two[0].2), (two[1].1, 3));
    assert_eq!(uses(&list()), uses(&list()));
    let other_list = Chain {
        mail_from: "bounces@friend.example",
        ..list()
    };
    assert_ne!(uses(&list())[0].0, uses(&other_list)[0].0);
    let other_copy =
        chain(LIST, &["Received: from a by b\n", POST]).sent("jane@example.org", to_list);
    assert_eq!(uses(&list())[0].0, uses(&other_copy)[0].0);
    assert_ne!(uses(&list())[0].1, uses(&other_copy)[0].1);
}
