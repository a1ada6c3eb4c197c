//! One entry of `recipients` for many domains, as a table; and the answers that thousands of entries give.

use backstop::core::{address::Mailbox, envelope::Recipient, policy::Policy};

use crate::scenario::{self, Scenario, bounce, mail, policy, words};

const SITE: &str = "
mode: enforce
local: {domains: [example.org, .example.org, example.net, .example.com, example.de]}
spf: {mail_from: {fail: reject}}
recipients:
  - domain: '*'
    known: [{addresses: [info]}]
    rules: [{match: 'shop-.*', bounces: reject}, {match: 'list-.*', bounces: accept}]
    unknown: {mail: reject, bounces: reject}
  - domain: .example.org
    known: [{addresses: [info]}]
    catch_all: {mail: accept, bounces: tempfail}
  - domain: a.example.org
    known: [{addresses: [info]}]
    unknown: {mail: accept, bounces: tag}
  - domain: example.net
    rules: [{match: 'shop-.*', bounces: reject}]
";

/// Without what the bounce proves, which is told after RCPT.
fn at_rcpt(sent: &Scenario, policy: &Policy) -> String {
    words(&sent.at_rcpt(policy).verdict)
}

#[test]
fn the_nearest_entry_answers() {
    let policy = policy(SITE, &[]);
    for (rcpt, to_mail, to_bounces) in [
        // The domain itself is not below itself.
        (
            "x@example.org",
            "reject unknown_mail",
            "reject unknown_bounce",
        ),
        (
            "x@b.example.org",
            "accept nothing_found",
            "tempfail catch_all_bounce",
        ),
        (
            "x@c.b.example.org",
            "accept nothing_found",
            "tempfail catch_all_bounce",
        ),
        (
            "x@a.example.org",
            "accept nothing_found",
            "tag unknown_bounce",
        ),
        (
            "x@c.a.example.org",
            "accept nothing_found",
            "tempfail catch_all_bounce",
        ),
        (
            "x@d.example.com",
            "reject unknown_mail",
            "reject unknown_bounce",
        ),
        (
            "X@Example.DE",
            "reject unknown_mail",
            "reject unknown_bounce",
        ),
        (
            "shop-1@example.de",
            "accept nothing_found",
            "reject rule_bounce",
        ),
        (
            "shop-1@example.net",
            "accept nothing_found",
            "reject rule_bounce",
        ),
        // An entry by name does not take over what another says.
        (
            "shop-1@a.example.org",
            "accept nothing_found",
            "tag unknown_bounce",
        ),
        (
            "list-1@example.net",
            "accept nothing_found",
            "accept nothing_found",
        ),
        (
            "x@example.net",
            "accept nothing_found",
            "accept nothing_found",
        ),
        (
            "info@example.de",
            "accept nothing_found",
            "accept nothing_found",
        ),
        // Not ours, whatever the entries say.
        (
            "x@example.com",
            "accept nothing_found",
            "accept nothing_found",
        ),
        (
            "x@foreign.example",
            "accept nothing_found",
            "accept nothing_found",
        ),
        (
            "x@[192.0.2.1]",
            "accept nothing_found",
            "accept nothing_found",
        ),
        (
            "postmaster@example.de",
            "accept exempt_postmaster",
            "accept exempt_postmaster",
        ),
    ] {
        let to = |sent: Scenario| at_rcpt(&sent.listed(&["info"]).to(rcpt), &policy);
        assert_eq!(
            (&*to(mail()), &*to(bounce())),
            (to_mail, to_bounces),
            "{rcpt}"
        );
    }
}

/// A directory is asked where the entry that answers has lists, and for no domain of strangers.
#[test]
fn a_directory_is_asked_for_our_domains_only() {
    let policy = policy(SITE, &[]);
    for (rcpt, is_asked) in [
        ("x@example.de", true),
        ("x@d.example.com", true),
        ("x@b.example.org", true),
        ("x@example.net", false),
        ("x@example.com", false),
        ("x@foreign.example", false),
        ("postmaster@example.de", false),
    ] {
        let asked = bounce().to(rcpt).questions(&policy);
        assert_eq!(asked.contains("directory"), is_asked, "{rcpt}: {asked:?}");
    }
}

/// Who has the same entry has the same answers, and so a place in the same transaction.
#[test]
fn domains_of_one_entry_share_a_transaction() {
    let policy = policy(
        SITE,
        &[(
            "spf: {",
            "headers: [{header: X, match: y, action: reject}]\nspf: {",
        )],
    );
    for (one, other, is_parted) in [
        ("info@example.de", "info@d.example.com", false),
        ("info@example.org", "info@b.example.org", false),
        ("list-1@example.de", "list-2@d.example.com", false),
        ("list-1@example.de", "info@d.example.com", true),
    ] {
        let to = |rcpt: &str| {
            mail()
                .from("MAILER-DAEMON@mx.example.com")
                .listed(&["info"])
                .to(rcpt)
        };
        let parted = to(one).parts(&to(other), &policy).is_some();
        assert_eq!(parted, is_parted, "{one} {other}");
    }
}

/// A rule makes addresses one, of one domain, for what counts the recipients of a flood.
#[test]
fn a_rule_makes_no_two_domains_one() {
    let policy = policy(SITE, &[]);
    let sensed = |rcpt: &str| {
        policy.sensed_recipient(&Recipient {
            mailbox: Mailbox::from_bytes(rcpt.as_bytes()),
            refused: None,
        })
    };
    assert_eq!(sensed("shop-1@example.de"), sensed("shop-2@example.de"));
    assert_ne!(sensed("shop-1@example.de"), sensed("shop-1@d.example.com"));
    assert_ne!(sensed("shop-1@example.de"), sensed("list-1@example.de"));
    assert_ne!(sensed("x@example.de"), sensed("y@example.de"));
}

/// Each of thousands answers by its own entry, and the rest by the last.
#[test]
fn thousands_of_entries_answer_each_for_its_domain() {
    const MANY: usize = 5_000;
    let names: Vec<_> = (0..=MANY)
        .map(|number| format!("d{number}.example"))
        .collect();
    let entries: String = names[..MANY]
        .iter()
        .enumerate()
        .map(|(number, name)| {
            let answer = ["reject", "tempfail", "tag"][number % 3];
            format!("  - {{domain: {name}, catch_all: {{bounces: {answer}}}}}\n")
        })
        .collect();
    let yaml = format!(
        "mode: enforce\nlocal: {{domains: [{}]}}\nrecipients:\n{entries}  - {{domain: '*', catch_all: {{}}}}\n",
        names.join(", ")
    );
    let policy = scenario::policy(&yaml, &[]);
    for number in [0, 1, 2, MANY / 2, MANY - 2, MANY - 1] {
        let answer = ["reject", "tempfail", "tag"][number % 3];
        let sent = bounce().to(format!("x@{}", names[number]));
        assert_eq!(
            at_rcpt(&sent, &policy),
            format!("{answer} catch_all_bounce"),
            "{number}"
        );
    }
    let sent = bounce().to(format!("x@{}", names[MANY]));
    assert_eq!(at_rcpt(&sent, &policy), "accept nothing_found");
}
