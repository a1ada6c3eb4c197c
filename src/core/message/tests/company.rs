//! Messages to several recipients whose answers may differ.

use super::{
    course::course,
    sent::{BOUNCE, DSN, MAIL, Sent},
};
use crate::core::spf::SpfResult;

/// Whoever may be refused after DATA does not take others along. To come again is no sign of a flood.
#[test]
fn a_suspect_message_is_not_shared() {
    const OURS: &str = "local: {domains: [example.org], networks";
    const RULE: &str = "headers: [{header: Subject, match: spam, when: always, action: reject, domains: [example.org]}]\n\
        local: {domains: [example.org, example.net], networks";
    for (spf, site, is_parted) in [
        (SpfResult::Softfail, (OURS, RULE), true),
        (SpfResult::Pass, (OURS, RULE), false),
        (
            SpfResult::Softfail,
            (
                OURS,
                "local: {domains: [example.org, example.net], networks",
            ),
            false,
        ),
    ] {
        let sent = Sent {
            site,
            spf,
            headers: "Subject: hello\n",
            ..MAIL
        };
        let found = course(sent, &["jane@example.org", "x@example.net"], &[]);
        assert_eq!(
            found.contains("tempfail other_recipients"),
            is_parted,
            "{found}"
        );
        assert!(!found.contains("hit"), "{found}");
    }
}

#[test]
fn a_second_recipient_of_a_bounce_counts_where_it_is_refused_for_good() {
    const DEFAULT: &str = "null_sender: {unauthenticated_reports: reject";
    for (rule, answer, is_hit) in [
        (DEFAULT, "tempfail null_sender_extra_recipient", false),
        (
            "null_sender: {extra_recipients: reject, unauthenticated_reports: reject",
            "reject null_sender_extra_recipient",
            true,
        ),
    ] {
        let sent = Sent {
            site: (DEFAULT, rule),
            headers: DSN,
            body: "Sorry.\n",
            ..BOUNCE
        };
        let found = course(sent, &["any@example.org", "jane@example.org"], &[]);
        assert!(found.contains(answer), "{found}");
        assert_eq!(found.contains("hit Refused"), is_hit, "{found}");
    }
}

/// A catch-all that is tagged says nothing of a message; another tag does.
#[test]
fn recipients_of_a_tagged_catch_all_are_learned() {
    const DEFAULT: &str = "catch_all: {mail: accept, bounces: accept}";
    const TAGGED: &str = "catch_all: {mail: tag, bounces: accept}";
    for (rule, action) in [(DEFAULT, "accept "), (TAGGED, "tag ")] {
        let sent = Sent {
            site: (DEFAULT, rule),
            spf: SpfResult::Pass,
            headers: "Subject: hello\n",
            ..MAIL
        };
        let found = course(sent, &["any@example.org"], &[]);
        assert!(found.starts_with(action), "{found}");
        assert!(found.contains("learned"), "{found}");
    }
}

/// A bounce that is to come again alone counts then.
#[test]
fn a_bounce_that_is_parted_is_no_sign_of_a_flood() {
    const DEFAULT: &str = "null_sender: {unauthenticated_reports: reject";
    const SHARED: &str = "null_sender: {extra_recipients: accept, unauthenticated_reports: reject";
    let sent = Sent {
        site: (DEFAULT, SHARED),
        headers: DSN,
        body: "Sorry.\n",
        ..BOUNCE
    };
    let found = course(sent, &["x@elsewhere.example", "any@example.org"], &[]);
    assert!(found.contains("tempfail other_recipients"), "{found}");
    assert!(!found.contains("hit"), "{found}");
}
