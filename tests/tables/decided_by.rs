//! Which entry of `milter.yaml` decided, or vouched: a table of every list, rule and pattern that can.

use backstop::{
    core::{
        address::{Mailbox, ReversePath},
        dnsbl::Listing,
        policy::{Vouched, WasLearned},
        recipients::Known,
        spf::SpfResult,
        trace_header::Tags,
        verdict::Verdict,
    },
    observe::Decision,
};

use crate::scenario::{self, Scenario, policy, words};

const SITE: &str = "
mode: enforce
local: {domains: [example.org, .sub.example.org]}
spf:
  trusted_forwarders: [203.0.113.0/24, '2001:db8::/32', forwarder.example]
  domains: {soft.example: {softfail: reject}, .below.example: {softfail: tempfail}, partly.example: {fail: tag}}
forgery: {header_from: reject, mailing_lists: [lists.example.net, .groups.example]}
null_sender:
  never_send: [noreply@example.org, news, '@never.sub.example.org']
  exempt: {clients: [192.0.2.77], recipients: [list@example.org]}
exempt: {clients: [192.0.2.96/28], recipients: [abuse, desk@example.org]}
dnsbl:
  - {zone: first.dnsbl.example, action: tag}
  - {zone: second.dnsbl.example, action: reject}
proof: {dkim: {verify: false}}
recipients:
  - domain: example.org
    known: [{addresses: [info, list, noreply]}]
    rules:
      - {match: 'shop-[0-9]{1,3}', bounces: reject}
      - {match: 'old-.*', mail: reject}
    catch_all: {mail: accept, bounces: reject}
headers:
  - {header: Subject, match: 'casino', action: tag}
  - {header: X-Mailer, match: '^bulk', action: reject}
";

fn mail() -> Scenario {
    scenario::mail().to("someone@example.org")
}

fn bounce() -> Scenario {
    scenario::bounce().to("someone@example.org")
}

fn listing(listed: bool) -> Listing {
    if listed {
        Listing::Listed([127, 0, 0, 2].into())
    } else {
        Listing::NotListed
    }
}

/// Every reader of a verdict names the same entry.
fn line(verdict: &Verdict) -> String {
    let sender = ReversePath::Null;
    let rcpt = Mailbox::from_bytes(b"a@example.org");
    Decision {
        id: "1",
        queue_id: None,
        client: None,
        helo: None,
        mail_from: &sender,
        rcpt: &rcpt,
        verdict,
        spf: None,
        batv: None,
        signed: &[],
    }
    .to_string()
}

#[test]
fn the_entry_that_decided_is_named() {
    let policy = policy(SITE, &[]);
    for (sent, expected) in [
        (mail(), "accept nothing_found -"),
        (
            mail().client("192.0.2.97"),
            "accept exempt_client exempt.clients:192.0.2.96/28",
        ),
        (
            mail().to("Abuse@example.org"),
            "accept exempt_recipient exempt.recipients:abuse",
        ),
        (
            mail().to("desk@example.org"),
            "accept exempt_recipient exempt.recipients:desk@example.org",
        ),
        (
            mail().to("postmaster@example.org"),
            "accept exempt_postmaster -",
        ),
        // SPF: an entry that has an answer to the result, and no other.
        (
            mail().from("a@soft.example").spf(SpfResult::Softfail),
            "reject spf_softfail spf.domains:soft.example",
        ),
        (
            mail().from("a@x.below.example").spf(SpfResult::Softfail),
            "tempfail spf_softfail spf.domains:.below.example",
        ),
        (
            mail().from("a@partly.example").spf(SpfResult::Fail),
            "tag spf_fail spf.domains:partly.example",
        ),
        (
            mail().from("a@partly.example").spf(SpfResult::Softfail),
            "tag spf_softfail -",
        ),
        (mail().spf(SpfResult::Fail), "reject spf_fail -"),
        // Forwarders vouch.
        (
            mail().client("203.0.113.9").spf(SpfResult::Fail),
            "accept nothing_found spf.trusted_forwarders:203.0.113.0/24",
        ),
        (
            mail().client("2001:db8::1").spf(SpfResult::Fail),
            "accept nothing_found spf.trusted_forwarders:2001:db8::/32",
        ),
        (
            mail()
                .forwarder(Vouched::Yes("forwarder.example".to_owned()))
                .spf(SpfResult::Fail),
            "accept nothing_found spf.trusted_forwarders:forwarder.example",
        ),
        (
            mail()
                .forwarder(Vouched::Yes("forwarder.example".to_owned()))
                .headers("From: a@example.org\n"),
            "accept nothing_found spf.trusted_forwarders:forwarder.example",
        ),
        (
            mail()
                .helo("mx.forwarder.example")
                .helo_spf(SpfResult::Pass)
                .spf(SpfResult::Fail),
            "accept nothing_found spf.trusted_forwarders:forwarder.example",
        ),
        (
            mail()
                .helo("mx.forwarder.example")
                .helo_spf(SpfResult::Neutral)
                .spf(SpfResult::Fail),
            "reject spf_fail -",
        ),
        // Claims on what is ours.
        (
            mail().from("a@example.org").spf(SpfResult::Fail),
            "reject spf_fail -",
        ),
        (
            mail().from("a@example.org").spf(SpfResult::None),
            "reject mail_from_forged local.domains:example.org",
        ),
        (
            mail().from("a@x.sub.example.org").spf(SpfResult::None),
            "reject mail_from_forged local.domains:.sub.example.org",
        ),
        (
            mail().headers("From: a@x.sub.example.org\n"),
            "reject header_from_forged local.domains:.sub.example.org",
        ),
        (
            mail()
                .from("a@lists.example.net")
                .headers("From: a@example.org\n"),
            "accept nothing_found forgery.mailing_lists:lists.example.net",
        ),
        (
            mail()
                .from("a@x.groups.example")
                .headers("From: a@example.org\n"),
            "accept nothing_found forgery.mailing_lists:.groups.example",
        ),
        // Who never sends.
        (
            bounce().to("noreply@example.org"),
            "reject never_sends null_sender.never_send:noreply@example.org",
        ),
        (
            bounce().to("NEWS@sub.example.org"),
            "reject never_sends null_sender.never_send:news",
        ),
        (
            bounce().to("a@never.sub.example.org"),
            "reject never_sends null_sender.never_send:@never.sub.example.org",
        ),
        (
            bounce().to("list@example.org"),
            "accept nothing_found null_sender.exempt.recipients:list@example.org",
        ),
        (
            bounce().client("192.0.2.77"),
            "accept nothing_found null_sender.exempt.clients:192.0.2.77",
        ),
        // Recipients.
        (
            bounce().known(Known::Listed("/etc/postfix/virtual".to_owned())),
            "accept nothing_found recipients.known:/etc/postfix/virtual",
        ),
        (
            mail().known(Known::Listed("addresses".to_owned())),
            "accept nothing_found recipients.known:addresses",
        ),
        (
            bounce().to("shop-12@example.org"),
            "reject rule_bounce recipients.rules:shop-[0-9]{1\\x2c3}",
        ),
        (
            mail().to("shop-12@example.org"),
            "accept nothing_found recipients.rules:shop-[0-9]{1\\x2c3}",
        ),
        (
            mail().to("old-12@example.org"),
            "reject rule_mail recipients.rules:old-.*",
        ),
        (bounce(), "reject catch_all_bounce -"),
        // DNS lists.
        (
            bounce()
                .known(Known::Listed("x".to_owned()))
                .listings(&[false, true].map(listing)),
            "reject dnsbl dnsbl:second.dnsbl.example",
        ),
        (
            bounce()
                .known(Known::Listed("x".to_owned()))
                .listings(&[true, false].map(listing)),
            "tag dnsbl dnsbl:first.dnsbl.example",
        ),
        (
            bounce()
                .known(Known::Listed("x".to_owned()))
                .listings(&[true, true].map(listing)),
            "reject dnsbl dnsbl:second.dnsbl.example",
        ),
        (
            bounce()
                .known(Known::Listed("x".to_owned()))
                .listings(&[true, false].map(listing))
                .besieged(WasLearned::Yes),
            "reject siege_listed dnsbl:first.dnsbl.example",
        ),
        // Headers.
        (
            mail().headers("From: a@example.com\nSubject: a casino\n"),
            "tag header_rule headers:1:Subject",
        ),
        (
            mail().headers("From: a@example.com\nX-Mailer: Bulk 1\n"),
            "reject header_rule headers:2:X-Mailer",
        ),
        (
            mail().headers("From: a@example.com\nSubject: casino\nX-Mailer: bulk\n"),
            "reject header_rule headers:2:X-Mailer",
        ),
    ] {
        let verdict = sent.verdict(&policy);
        let by = verdict
            .by
            .as_ref()
            .map_or_else(|| "-".to_owned(), ToString::to_string);
        let found = format!("{} {by}", words(&verdict));
        assert_eq!(found, expected, "{sent:?}");
        let logged = line(&verdict);
        let reason = format!("reason={} by={by} spf=", verdict.reason.code());
        assert!(logged.contains(&reason), "{logged}");
        assert!(by.bytes().all(|byte| byte.is_ascii_graphic()), "{by}");
        if verdict.is_accepted() {
            let mut tags = Tags::default();
            tags.note(&verdict);
            let told = tags.x_backstop(None, "1").unwrap();
            // Where our users are listed, a message that nothing spoke against does not tell.
            let named = by != "-" && verdict.reason.code() != "nothing_found";
            assert_eq!(told.contains(&format!(" by={by};")), named, "{told}");
            assert_eq!(told.contains(" by="), named, "{told}");
        }
    }
}
