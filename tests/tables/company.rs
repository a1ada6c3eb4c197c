//! Which recipients may share a transaction, as a table; and who is reached whatever happens.

use backstop::core::{
    policy::{
        Policy, Tag,
        WasLearned::{No, Yes},
    },
    spf::SpfResult::{self, Fail, Pass},
};

use crate::scenario::{Scenario, answer, mail, policy, words};

const SRS: &str = "SRS0=Ab1c=Q7=remote.test=kim@example.org";
const SRS_LOCAL: &str = "SRS0=Ab1c=Q7=remote.test=kim";
const SITE: &str = "
mode: enforce
local: {domains: [example.org, example.net], networks: [10.0.0.0/8]}
spf: {trusted_forwarders: [203.0.113.0/24], mail_from: {fail: tag, temperror: tag}}
forgery: {header_from: reject}
null_sender: {srs: [example.org], extra_recipients: accept, never_send: {addresses: [noreply], action: tempfail}, exempt: {recipients: [lists]}}
exempt: {clients: [192.0.2.77], recipients: [abuse, open]}
recipients:
  - domain: example.org
    known: [{addresses: [joe, jane]}]
    rules: [{match: 'shop-.*', bounces: accept}, {match: 'desk-.*', mail: accept}]
    catch_all: {mail: accept, bounces: reject}
headers:
  - {header: Subject, match: casino, domains: [example.net], action: reject}
";

fn to(rcpt: &str) -> Scenario {
    mail().listed(&["joe", "jane"]).to(rcpt)
}

/// Whether the second recipient is asked to come again alone.
fn parted(
    policy: &Policy,
    client: &str,
    from: &str,
    result: SpfResult,
    pair: &[Scenario; 2],
) -> bool {
    let [first, next] = pair.clone().map(|one| {
        let sent = one.client(client).from(from);
        sent.spf(result).helo_spf(result)
    });
    first.parts(&next, policy).is_some_and(|judgement| {
        let told = answer(&judgement.verdict);
        assert_eq!(told, "tempfail other_recipients 452 4.5.3");
        true
    })
}

#[test]
fn recipients_whose_answers_could_differ_do_not_share_a_suspect_message() {
    let policy = policy(SITE, &[]);
    let joe = to("joe@example.org");
    let (all, bounces, none) = (
        (true, true, false),
        (true, false, false),
        (false, false, false),
    );
    for (other, (null, fails, passes)) in [
        (to("jane@example.org"), none),
        (to("abuse@example.org"), all),
        (to("open@example.org"), all),
        (to("postmaster@example.org"), all),
        // The rule for headers is for that domain alone.
        (to("joe@example.net"), all),
        (to("lists@example.org"), bounces),
        (to("lists@example.org").listed(&["lists"]), bounces),
        (to(SRS).listed(&[SRS_LOCAL]), bounces),
        (to("any@example.org"), bounces),
        (to("noreply@example.org"), bounces),
        // Bounces that prove nothing are accepted to the first, and to the second they are not.
        (to("shop-7@example.org"), bounces),
        (to("desk-7@example.org"), none),
        (to("joe@elsewhere.example"), bounces),
        (to("jane@example.org").tag(Tag::Valid), bounces),
        (to("jane@example.org").besieged(Yes), bounces),
    ] {
        for pair in [[joe.clone(), other.clone()], [other.clone(), joe.clone()]] {
            let asked = |client, from, result| parted(&policy, client, from, result, &pair);
            let stranger = "192.0.2.1";
            assert_eq!(asked(stranger, "", Pass), null, "<> {other:?}");
            let daemon = "mailer-daemon@mx.example.com";
            if !other.has_tag() {
                assert_eq!(asked(stranger, daemon, Pass), null, "daemon {other:?}");
            }
            for result in SpfResult::ALL {
                let expected = if result == Pass { passes } else { fails };
                let found = asked(stranger, "bob@friend.example", result);
                assert_eq!(found, expected, "{result} {other:?}");
                // Who is not judged, or may forward.
                for client in ["10.0.0.1", "203.0.113.5"] {
                    let found = asked(client, "bob@friend.example", result);
                    assert!(!found, "{client} {other:?}");
                }
                let exempt = asked("192.0.2.77", "bob@friend.example", result);
                assert!(!exempt, "{other:?}");
            }
        }
    }
    // Whom a siege refuses nothing does not share with those whom it refuses bounces.
    let besieged = |rcpt| to(rcpt).besieged(Yes);
    let (noc, ann) = (besieged("noc@example.net"), besieged("ann@example.net"));
    for (pair, expected) in [
        ([noc.clone(), ann.clone()], true),
        ([ann.clone(), noc], true),
        ([ann, besieged("bea@example.net")], false),
    ] {
        for from in ["", "mailer-daemon@mx.example.com"] {
            let found = parted(&policy, "192.0.2.1", from, Pass, &pair);
            assert_eq!(found, expected, "{from} {pair:?}");
        }
    }
    // Where nothing is refused after DATA, or nothing at all, nobody is parted.
    let pair = [joe, to("abuse@example.org")];
    for changes in [
        &[("mode: enforce", "mode: monitor")][..],
        &[
            (
                "header_from: reject",
                "header_from: {action: reject, monitor: true}",
            ),
            ("domains: [example.net], action: reject", "action: tag"),
        ],
    ] {
        let policy = self::policy(SITE, changes);
        let found = parted(&policy, "192.0.2.1", "bob@friend.example", Fail, &pair);
        assert!(!found, "{changes:?}");
    }
    // A rule for one domain parts where it refuses such mail.
    let [joe, _] = pair;
    let pair = [joe, to("joe@example.net")];
    for (rule, expected) in [
        ("action: reject", true),
        ("action: tag", false),
        ("when: null_sender, action: reject", false),
        ("when: null_sender, action: tag", false),
    ] {
        let change = (
            "[example.net], action: reject",
            &*format!("[example.net], {rule}"),
        );
        let policy = self::policy(SITE, &[change]);
        let found = parted(&policy, "192.0.2.1", "bob@friend.example", Fail, &pair);
        assert_eq!(found, expected, "{rule}");
    }
}

/// What is answered to bounces after DATA: by a rule of quiet days, or by one of a siege that is on.
#[test]
fn nobody_is_parted_where_nothing_is_refused_after_data() {
    let lenient = [
        ("header_from: reject", "header_from: tag"),
        ("[noreply], action: tempfail", "[noreply], action: tag"),
        (
            "domains: [example.net], action: reject",
            "domains: [example.net], action: tag",
        ),
    ];
    for (proof, siege, besieged, expected) in [
        ("forged: tag", "unproven: reject", false, false),
        ("forged: tag", "unproven: reject", true, true),
        ("forged: tag", "unproven: tag, listed: tag", true, false),
        ("forged: reject", "unproven: tag, listed: tag", true, true),
        ("forged: reject", "unproven: reject", false, true),
    ] {
        let file = format!("{SITE}proof: {{{proof}}}\nsiege: {{{siege}}}\n");
        let policy = policy(&file, &lenient);
        let pair = ["joe@example.org", "lists@example.org"];
        let pair = pair.map(|rcpt| to(rcpt).siege(besieged));
        let found = parted(&policy, "192.0.2.1", "", Pass, &pair);
        assert_eq!(found, expected, "{proof} {siege} {besieged}");
    }
}

#[test]
fn those_who_help_are_reached_under_siege() {
    let file = "
mode: enforce
local: {domains: [example.org]}
recipients:
  - domain: example.org
    known: [{addresses: [joe]}]
    catch_all: {mail: accept, bounces: accept}
siege: {catch_all: {mail: tempfail, bounces: reject}}
";
    let policy = policy(file, &[]);
    for (rcpt, mail, bounce) in [
        (
            "any@example.org",
            "tempfail siege_catch_all_mail",
            "reject siege_catch_all_bounce",
        ),
        (
            "xnoc@example.org",
            "tempfail siege_catch_all_mail",
            "reject siege_catch_all_bounce",
        ),
        (
            "hostmaster@example.org",
            "accept nothing_found",
            "accept nothing_found",
        ),
        (
            "Security@example.org",
            "accept nothing_found",
            "accept nothing_found",
        ),
        (
            "noc+ticket@example.org",
            "accept nothing_found",
            "accept nothing_found",
        ),
        (
            "\"noc\"@example.org",
            "accept nothing_found",
            "accept nothing_found",
        ),
        (
            "abuse@example.org",
            "accept exempt_recipient",
            "accept exempt_recipient",
        ),
        (
            "postmaster@example.org",
            "accept exempt_postmaster",
            "accept exempt_postmaster",
        ),
    ] {
        for (from, expected) in [("bob@friend.example", mail), ("", bounce)] {
            let sent = to(rcpt).from(from).helo_spf(Pass).besieged(No);
            let told = words(&sent.at_rcpt(&policy).verdict);
            assert_eq!(told, expected, "{from} {rcpt}");
        }
    }
}

/// abuse@ is exempt unless the file names others.
#[test]
fn abuse_is_exempt_by_default() {
    for (exempt, expected) in [
        ("", "accept exempt_recipient"),
        ("exempt: {}", "accept exempt_recipient"),
        ("exempt: {clients: [192.0.2.7]}", "accept exempt_recipient"),
        ("exempt: {recipients: [open]}", "reject spf_fail"),
        ("exempt: {recipients: []}", "reject spf_fail"),
    ] {
        let file = format!("mode: enforce\nlocal: {{domains: [example.org]}}\n{exempt}\n");
        let sent = to("abuse@example.org").spf(Fail);
        let told = words(&sent.at_rcpt(&policy(&file, &[])).verdict);
        assert_eq!(told, expected, "{exempt}");
    }
}
