//! The policy as tables: a configuration, an envelope and what DNS said; the verdict, its reason and its reply.

use std::net::Ipv4Addr;

use backstop::core::{
    dnsbl::Listing,
    outside::Unanswered,
    policy::{Policy, Vouched},
    recipients::Known,
    spf::SpfResult::{Fail, Neutral, None as Without, Pass, Permerror, Softfail, Temperror},
};

use crate::scenario::{self, Scenario, answer, bounce, mail};

const SITE: &str = "
mode: enforce
local: {domains: [example.org, .sub.example.org], networks: [10.0.0.0/8]}
spf:
  trusted_forwarders: [203.0.113.0/24, forwarder.example]
  domains: {soft.example: {fail: tag}, test.example: {fail: {action: reject, monitor: true}}}
null_sender:
  never_send: [noreply@example.org]
  exempt: {clients: [192.0.2.77], recipients: [list@example.org]}
exempt: {clients: [192.0.2.99], recipients: [abuse]}
recipients:
  - domain: example.org
    known: [{addresses: [info, jane]}]
    rules:
      - {match: 'shop-[0-9]+', bounces: reject}
      - {match: 'old-.*', mail: reject, bounces: {action: reject, monitor: true}}
    catch_all: {mail: accept, bounces: reject}
  - domain: a.sub.example.org
    known: [{addresses: [info]}]
    unknown: {mail: reject, bounces: reject}
";

fn policy(yaml: &str) -> Policy {
    scenario::policy(yaml, &[])
}

fn outcome(policy: &Policy, sent: &Scenario) -> String {
    let judgement = sent.at_rcpt(policy);
    assert!(!judgement.checks.is_empty(), "a verdict without a check");
    answer(&judgement.verdict)
}

fn holds(table: Vec<(Scenario, &str)>) {
    let policy = policy(SITE);
    for (number, (sent, expected)) in table.into_iter().enumerate() {
        assert_eq!(outcome(&policy, &sent), expected, "row {number}: {sent:?}");
    }
}

/// What `explain` shows says which list has a recipient.
#[test]
fn a_list_that_has_a_recipient_is_told() {
    let policy = policy(SITE);
    for (sent, expected) in [
        (mail().listed(&["info"]), "known, in "),
        (mail().to("shop-1@example.org"), "rule 1; mail"),
        (mail().to("other@example.org"), "catch-all; mail"),
    ] {
        let checks = sent.at_rcpt(&policy).checks;
        let found = checks.iter().find(|check| check.name == "recipients");
        let found = found.map_or("none", |check| &check.finding);
        assert!(found.starts_with(expected), "{expected}: {found}");
    }
}

#[test]
fn outgoing_mail_is_never_judged() {
    let forged = || mail().from("jane@example.org").spf(Fail);
    holds(vec![
        (forged().login(), "accept outgoing_authenticated"),
        (forged().client("10.1.2.3"), "accept outgoing_network"),
        (forged().client("this host"), "accept outgoing_local"),
        // No address is no sign of being ours.
        (
            forged().client("unknown"),
            "tempfail client_unknown 451 4.7.1",
        ),
        (
            forged().client("unknown").login(),
            "accept outgoing_authenticated",
        ),
        (
            forged().client("unknown").to("postmaster@example.org"),
            "accept exempt_postmaster",
        ),
        (
            bounce().client("10.1.2.3").to("noreply@example.org"),
            "accept outgoing_network",
        ),
    ]);
}

/// RFC 7208 section 8 and RFC 7372.
#[test]
fn spf_results_are_answered() {
    holds(vec![
        (mail(), "accept nothing_found"),
        (mail().spf(Fail), "reject spf_fail 550 5.7.23"),
        (mail().spf(Softfail), "tag spf_softfail"),
        (mail().spf(Neutral), "accept nothing_found"),
        (mail().spf(Without), "accept nothing_found"),
        (mail().spf(Temperror), "tempfail spf_temperror 451 4.7.24"),
        (mail().spf(Permerror), "tag spf_permerror"),
        (mail().helo_spf(Fail), "reject spf_helo_fail 550 5.7.23"),
        (mail().helo_spf(Temperror), "accept nothing_found"),
        (
            bounce().spf(Fail).helo_spf(Fail),
            "reject spf_helo_fail 550 5.7.23",
        ),
        (mail().from("a@soft.example").spf(Fail), "tag spf_fail"),
        (
            mail().from("a@test.example").spf(Fail),
            "tag spf_fail would=reject",
        ),
        // A monitored rule and a tag don't end the walk: what comes after still acts.
        (
            mail()
                .from("a@soft.example")
                .spf(Fail)
                .to("old-1@example.org"),
            "reject rule_mail 550 5.7.1",
        ),
    ]);
}

#[test]
fn trusted_forwarders_are_spared_spf() {
    let forwarded = || mail().spf(Fail);
    holds(vec![
        (forwarded().client("203.0.113.9"), "accept nothing_found"),
        (
            forwarded().forwarder(Vouched::Yes("forwarder.example".to_owned())),
            "accept nothing_found",
        ),
        (
            forwarded()
                .forwarder(Vouched::Yes("forwarder.example".to_owned()))
                .from("jane@example.org"),
            "accept nothing_found",
        ),
        // Its HELO passes: that DNS does not say whether it may send for one of them doesn't matter.
        (
            forwarded()
                .helo("mx.forwarder.example")
                .helo_spf(Pass)
                .forwarder(Vouched::Unanswered),
            "accept nothing_found",
        ),
        (
            forwarded().forwarder(Vouched::Unanswered),
            "tempfail spf_fail 451 4.7.23",
        ),
        // Forwarded or not, a bounce to an address that never sends is none of ours.
        (
            bounce().client("203.0.113.9").to("noreply@example.org"),
            "reject never_sends 550 5.7.1",
        ),
    ]);
}

#[test]
fn our_own_domains_are_not_for_strangers() {
    let ours = || mail().from("jane@example.org");
    holds(vec![
        (ours().spf(Pass), "accept nothing_found"),
        (ours().spf(Without), "reject mail_from_forged 550 5.7.1"),
        (ours().spf(Softfail), "reject mail_from_forged 550 5.7.1"),
        (ours().spf(Permerror), "reject mail_from_forged 550 5.7.1"),
        (ours().spf(Fail), "reject spf_fail 550 5.7.23"),
        // Our own DNS failure never refuses.
        (ours().spf(Temperror), "tempfail spf_temperror 451 4.7.24"),
        (
            mail().from("x@deep.sub.example.org").spf(Without),
            "reject mail_from_forged 550 5.7.1",
        ),
        (
            mail().from("x@badexample.org").spf(Without),
            "accept nothing_found",
        ),
    ]);
    let lenient = policy(
        "{mode: enforce, local: {domains: [example.org]}, spf: {mail_from: {temperror: accept}}}",
    );
    let unsure = ours().spf(Temperror);
    assert_eq!(
        outcome(&lenient, &unsure),
        "tempfail mail_from_forged 451 4.7.24"
    );
}

/// RFC 5321 sections 4.5.1, 4.5.3.1.10 and 4.5.5.
#[test]
fn the_null_sender_has_rules_of_its_own() {
    holds(vec![
        (bounce().listed(&["info", "jane"]), "accept nothing_found"),
        (
            bounce().listed(&["info", "jane"]).earlier(1),
            "tempfail null_sender_extra_recipient 452 4.5.3",
        ),
        (
            mail().listed(&["info", "jane"]).earlier(1),
            "accept nothing_found",
        ),
        (
            bounce().to("noreply@example.org"),
            "reject never_sends 550 5.7.1",
        ),
        // Both MTAs deliver it there.
        (
            bounce().to("noreply%example.org@example.org"),
            "reject never_sends 550 5.7.1",
        ),
        (
            bounce().to("NoReply@Example.ORG"),
            "reject never_sends 550 5.7.1",
        ),
        (mail().to("noreply@example.org"), "accept nothing_found"),
        (
            bounce().to("noreply@example.org").client("192.0.2.77"),
            "accept nothing_found",
        ),
        (
            bounce().to("list@example.org").earlier(3),
            "accept nothing_found",
        ),
    ]);
}

/// RFC 5782.
#[test]
fn hosts_that_send_backscatter_are_known_by_lists() {
    const LISTED: &[Listing] = &[Listing::Listed(Ipv4Addr::new(127, 0, 0, 2))];
    const NOT_LISTED: &[Listing] = &[Listing::NotListed];
    let dead = [Listing::Unanswered(Unanswered::dns(""))];
    let policy = policy(&format!(
        "{SITE}\ndnsbl: [{{zone: ips.example, action: reject}}]"
    ));
    for (sent, expected) in [
        (
            bounce().listings(LISTED).listed(&["info", "jane"]),
            "reject dnsbl 550 5.7.1",
        ),
        (
            bounce().listings(NOT_LISTED).listed(&["info", "jane"]),
            "accept nothing_found",
        ),
        (
            bounce().listings(&dead).listed(&["info", "jane"]),
            "accept nothing_found",
        ),
        (
            bounce().listings(LISTED).to("postmaster@example.org"),
            "accept exempt_postmaster",
        ),
        (
            bounce()
                .listings(LISTED)
                .client("192.0.2.77")
                .listed(&["info", "jane"]),
            "accept nothing_found",
        ),
    ] {
        assert_eq!(outcome(&policy, &sent), expected, "{sent:?}");
    }
    for (sent, asked) in [
        (bounce(), true),
        (mail().from("MAILER-DAEMON@example.com"), true),
        // Lists are for null senders alone.
        (mail(), false),
        (bounce().client("10.0.0.1"), false),
    ] {
        let questions = sent.questions(&policy);
        assert_eq!(questions.contains("dnsbl"), asked, "{sent:?}");
    }
}

#[test]
fn some_are_always_reachable() {
    let hostile = || mail().spf(Fail).helo_spf(Fail);
    holds(vec![
        (
            hostile().to("postmaster@example.org"),
            "accept exempt_postmaster",
        ),
        (hostile().to("POSTMASTER"), "accept exempt_postmaster"),
        (
            hostile().to("abuse@a.sub.example.org"),
            "accept exempt_recipient",
        ),
        (
            hostile().to("nobody@example.org").client("192.0.2.99"),
            "accept exempt_client",
        ),
        // Structure counts all the same, but never refuses them for good.
        (
            bounce().to("postmaster@example.org").earlier(1),
            "tempfail null_sender_extra_recipient 452 4.5.3",
        ),
    ]);
    let strict = policy("{mode: enforce, null_sender: {extra_recipients: reject}}");
    let second = bounce().to("postmaster@example.org").earlier(1);
    assert_eq!(
        outcome(&strict, &second),
        "tempfail null_sender_extra_recipient 452 4.5.3"
    );
    let second = bounce().earlier(1);
    assert_eq!(
        outcome(&strict, &second),
        "reject null_sender_extra_recipient 554 5.5.3"
    );
}

#[test]
fn recipients_are_answered_by_class() {
    let gone = || Known::Unanswered(Unanswered::directory("list: no such file"));
    holds(vec![
        (
            bounce().listed(&["info", "jane"]).to("jane@example.org"),
            "accept nothing_found",
        ),
        (mail().to("shop-17@example.org"), "accept nothing_found"),
        (
            bounce().to("shop-17@example.org"),
            "reject rule_bounce 550 5.7.1",
        ),
        (mail().to("old-x@example.org"), "reject rule_mail 550 5.7.1"),
        (
            bounce().to("old-x@example.org"),
            "tag rule_bounce would=reject",
        ),
        (mail().to("anything@example.org"), "accept nothing_found"),
        (
            bounce().to("anything@example.org"),
            "reject catch_all_bounce 550 5.7.1",
        ),
        (
            mail().to("anything@a.sub.example.org"),
            "reject unknown_mail 550 5.1.1",
        ),
        (
            bounce().to("anything@a.sub.example.org"),
            "reject unknown_bounce 550 5.1.1",
        ),
        (
            bounce().to("anything@elsewhere.example"),
            "accept nothing_found",
        ),
        // A list that can't be read delays what it might have let in, and refuses nobody.
        (
            mail().known(gone()).to("jane@a.sub.example.org"),
            "tempfail directory_unavailable 451 4.3.0",
        ),
        (
            mail().known(gone()).to("jane@example.org"),
            "accept nothing_found",
        ),
        (
            bounce().refused_by_mta().to("guess@example.org"),
            "accept refused_by_mta",
        ),
        // Nor is anything learned or signed for one that a user of ours named in vain.
        (
            mail()
                .refused_by_mta()
                .client("10.0.0.1")
                .to("guess@example.org"),
            "accept refused_by_mta",
        ),
    ]);
}

#[test]
fn monitoring_refuses_nothing_and_tells_all() {
    let monitored = policy(&SITE.replace("mode: enforce", "mode: monitor"));
    for (sent, expected) in [
        (mail().spf(Fail), "tag spf_fail would=reject"),
        (mail().spf(Temperror), "tag spf_temperror would=tempfail"),
        (
            bounce().earlier(1),
            "tag null_sender_extra_recipient would=tempfail",
        ),
        (
            bounce().to("noreply@example.org"),
            "tag never_sends would=reject",
        ),
        (
            bounce().to("anything@example.org"),
            "tag catch_all_bounce would=reject",
        ),
        // The first that would have acted is told, not an earlier tag.
        (
            mail().spf(Softfail).to("old-x@example.org"),
            "tag rule_mail would=reject",
        ),
        (mail(), "accept nothing_found"),
    ] {
        assert_eq!(outcome(&monitored, &sent), expected, "{sent:?}");
    }
}

#[test]
fn dns_is_not_asked_for_what_is_not_judged() {
    let policy = policy(SITE);
    for (sent, asked) in [
        (bounce(), true),
        (bounce().refused_by_mta(), false),
        (bounce().client("192.0.2.99"), false),
        (bounce().client("10.0.0.1"), false),
    ] {
        let questions = sent.questions(&policy);
        assert_eq!(questions.contains("spf"), asked, "{sent:?}");
    }
}
