//! Which entry of `milter.yaml` decided, or vouched: a table of every list, rule and pattern that can.

use std::path::Path;

use backstop::{
    config,
    core::{
        address::{Mailbox, ReversePath},
        dnsbl::Listing,
        envelope::{Client, Envelope, Recipient},
        header::Headers,
        header_rules::Matches,
        policy::{Case, HeaderFacts, Policy, Siege, SpfAnswers, Vouched, WasLearned},
        recipients::Known,
        spf::{Identity, SpfCheck, SpfResult},
        trace_header::{Forgeries, Tags},
        verdict::Verdict,
    },
    observe::Decision,
};

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
  - {zone: first.dnsbl.example, action: {never}}
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

struct Sent {
    client: &'static str,
    from: &'static str,
    spf: SpfResult,
    rcpt: &'static str,
    known: &'static str,
    listed: [bool; 2],
    besieged: bool,
    forwarder: Option<&'static str>,
    headers: &'static str,
}

/// Mail against which nothing speaks.
const MAIL: Sent = Sent {
    client: "192.0.2.1",
    from: "jane@example.com",
    spf: SpfResult::Pass,
    rcpt: "someone@example.org",
    known: "",
    listed: [false, false],
    besieged: false,
    forwarder: None,
    headers: "From: jane@example.com\n",
};
const BOUNCE: Sent = Sent {
    from: "",
    headers: "From: MAILER-DAEMON@mx.example.com\nAuto-Submitted: auto-replied\n\
        Content-Type: multipart/report; report-type=delivery-status; boundary=x\n",
    ..MAIL
};

fn listing(listed: bool) -> Listing {
    if listed {
        Listing::Listed([127, 0, 0, 2].into())
    } else {
        Listing::NotListed
    }
}

/// The verdict at RCPT, or that at the end of the headers.
fn judged(policy: &Policy, sent: &Sent) -> Verdict {
    let envelope = Envelope {
        client: Client {
            address: sent.client.parse().ok(),
            helo: Some(b"mx.example.com".to_vec()),
            ..Client::default()
        },
        reverse_path: ReversePath::from_bytes(sent.from.as_bytes()),
    };
    let domain = sent.from.rsplit('@').next().filter(|name| !name.is_empty());
    let spf = SpfAnswers {
        helo: None,
        mail_from: domain
            .map(|domain| SpfCheck::new(Identity::MailFrom, domain.to_owned(), sent.spf)),
        forwarder: sent
            .forwarder
            .map_or(Vouched::No, |domain| Vouched::Yes(domain.to_owned())),
    };
    let recipient = Recipient {
        mailbox: Mailbox::from_bytes(sent.rcpt.as_bytes()),
        refused: None,
    };
    let known = match sent.known {
        "" => Known::NotListed,
        list => Known::Listed(list.to_owned()),
    };
    let case = Case {
        envelope: &envelope,
        spf: &spf,
        recipient: &recipient,
        tag: None,
        earlier: 0,
        known: &known,
        listings: &sent.listed.map(listing),
        siege: sent.besieged.then_some(Siege {
            learned: WasLearned::Yes,
        }),
    };
    let at_rcpt = policy.judge(&case).verdict;
    if !at_rcpt.lets_in() {
        return at_rcpt;
    }
    let mut headers = Headers::new();
    for line in sent.headers.lines() {
        let (name, value) = line.split_once(": ").unwrap();
        headers.push(name.as_bytes(), value.as_bytes());
    }
    let facts = HeaderFacts::of(
        &envelope.reverse_path,
        headers,
        Forgeries::new("mx.example.org"),
    );
    let matches = Matches::new(&policy.headers, &facts.headers);
    at_rcpt.or_stronger(policy.judge_headers(&case, &facts, &matches).verdict)
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
    let policy = config::parse(Path::new("by.yaml"), &SITE.replace("{never}", "tag"))
        .unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
        .policy;
    for (sent, expected) in [
        (MAIL, "accept nothing_found -"),
        (
            Sent {
                client: "192.0.2.97",
                ..MAIL
            },
            "accept exempt_client exempt.clients:192.0.2.96/28",
        ),
        (
            Sent {
                rcpt: "Abuse@example.org",
                ..MAIL
            },
            "accept exempt_recipient exempt.recipients:abuse",
        ),
        (
            Sent {
                rcpt: "desk@example.org",
                ..MAIL
            },
            "accept exempt_recipient exempt.recipients:desk@example.org",
        ),
        (
            Sent {
                rcpt: "postmaster@example.org",
                ..MAIL
            },
            "accept exempt_postmaster -",
        ),
        // SPF: an entry that has an answer to the result, and no other.
        (
            Sent {
                from: "a@soft.example",
                spf: SpfResult::Softfail,
                ..MAIL
            },
            "reject spf_softfail spf.domains:soft.example",
        ),
        (
            Sent {
                from: "a@x.below.example",
                spf: SpfResult::Softfail,
                ..MAIL
            },
            "tempfail spf_softfail spf.domains:.below.example",
        ),
        (
            Sent {
                from: "a@partly.example",
                spf: SpfResult::Fail,
                ..MAIL
            },
            "tag spf_fail spf.domains:partly.example",
        ),
        (
            Sent {
                from: "a@partly.example",
                spf: SpfResult::Softfail,
                ..MAIL
            },
            "tag spf_softfail -",
        ),
        (
            Sent {
                spf: SpfResult::Fail,
                ..MAIL
            },
            "reject spf_fail -",
        ),
        // Forwarders vouch.
        (
            Sent {
                client: "203.0.113.9",
                spf: SpfResult::Fail,
                ..MAIL
            },
            "accept nothing_found spf.trusted_forwarders:203.0.113.0/24",
        ),
        (
            Sent {
                client: "2001:db8::1",
                spf: SpfResult::Fail,
                ..MAIL
            },
            "accept nothing_found spf.trusted_forwarders:2001:db8::/32",
        ),
        (
            Sent {
                forwarder: Some("forwarder.example"),
                spf: SpfResult::Fail,
                ..MAIL
            },
            "accept nothing_found spf.trusted_forwarders:forwarder.example",
        ),
        (
            Sent {
                forwarder: Some("forwarder.example"),
                headers: "From: a@example.org\n",
                ..MAIL
            },
            "accept nothing_found spf.trusted_forwarders:forwarder.example",
        ),
        // Claims on what is ours.
        (
            Sent {
                from: "a@example.org",
                spf: SpfResult::Fail,
                ..MAIL
            },
            "reject spf_fail -",
        ),
        (
            Sent {
                from: "a@example.org",
                spf: SpfResult::None,
                ..MAIL
            },
            "reject mail_from_forged local.domains:example.org",
        ),
        (
            Sent {
                from: "a@x.sub.example.org",
                spf: SpfResult::None,
                ..MAIL
            },
            "reject mail_from_forged local.domains:.sub.example.org",
        ),
        (
            Sent {
                headers: "From: a@x.sub.example.org\n",
                ..MAIL
            },
            "reject header_from_forged local.domains:.sub.example.org",
        ),
        (
            Sent {
                from: "a@lists.example.net",
                headers: "From: a@example.org\n",
                ..MAIL
            },
            "accept nothing_found forgery.mailing_lists:lists.example.net",
        ),
        (
            Sent {
                from: "a@x.groups.example",
                headers: "From: a@example.org\n",
                ..MAIL
            },
            "accept nothing_found forgery.mailing_lists:.groups.example",
        ),
        // Who never sends.
        (
            Sent {
                rcpt: "noreply@example.org",
                ..BOUNCE
            },
            "reject never_sends null_sender.never_send:noreply@example.org",
        ),
        (
            Sent {
                rcpt: "NEWS@sub.example.org",
                ..BOUNCE
            },
            "reject never_sends null_sender.never_send:news",
        ),
        (
            Sent {
                rcpt: "a@never.sub.example.org",
                ..BOUNCE
            },
            "reject never_sends null_sender.never_send:@never.sub.example.org",
        ),
        (
            Sent {
                rcpt: "list@example.org",
                ..BOUNCE
            },
            "accept nothing_found null_sender.exempt.recipients:list@example.org",
        ),
        (
            Sent {
                client: "192.0.2.77",
                ..BOUNCE
            },
            "accept nothing_found null_sender.exempt.clients:192.0.2.77",
        ),
        // Recipients.
        (
            Sent {
                known: "/etc/postfix/virtual",
                ..BOUNCE
            },
            "accept nothing_found recipients.known:/etc/postfix/virtual",
        ),
        (
            Sent {
                known: "addresses",
                ..MAIL
            },
            "accept nothing_found recipients.known:addresses",
        ),
        (
            Sent {
                rcpt: "shop-12@example.org",
                ..BOUNCE
            },
            "reject rule_bounce recipients.rules:shop-[0-9]{1\\x2c3}",
        ),
        (
            Sent {
                rcpt: "shop-12@example.org",
                ..MAIL
            },
            "accept nothing_found recipients.rules:shop-[0-9]{1\\x2c3}",
        ),
        (
            Sent {
                rcpt: "old-12@example.org",
                ..MAIL
            },
            "reject rule_mail recipients.rules:old-.*",
        ),
        (BOUNCE, "reject catch_all_bounce -"),
        // DNS lists.
        (
            Sent {
                known: "x",
                listed: [false, true],
                ..BOUNCE
            },
            "reject dnsbl dnsbl:second.dnsbl.example",
        ),
        (
            Sent {
                known: "x",
                listed: [true, false],
                ..BOUNCE
            },
            "tag dnsbl dnsbl:first.dnsbl.example",
        ),
        (
            Sent {
                known: "x",
                listed: [true, true],
                ..BOUNCE
            },
            "reject dnsbl dnsbl:second.dnsbl.example",
        ),
        (
            Sent {
                known: "x",
                listed: [true, false],
                besieged: true,
                ..BOUNCE
            },
            "reject siege_listed dnsbl:first.dnsbl.example",
        ),
        // Headers.
        (
            Sent {
                headers: "From: a@example.com\nSubject: a casino\n",
                ..MAIL
            },
            "tag header_rule headers:1:Subject",
        ),
        (
            Sent {
                headers: "From: a@example.com\nX-Mailer: Bulk 1\n",
                ..MAIL
            },
            "reject header_rule headers:2:X-Mailer",
        ),
        (
            Sent {
                headers: "From: a@example.com\nSubject: casino\nX-Mailer: bulk\n",
                ..MAIL
            },
            "reject header_rule headers:2:X-Mailer",
        ),
    ] {
        let verdict = judged(&policy, &sent);
        let by = verdict
            .by
            .as_ref()
            .map_or_else(|| "-".to_owned(), ToString::to_string);
        let found = format!("{} {} {by}", verdict.action, verdict.reason.code());
        assert_eq!(found, expected, "<{}> to <{}>", sent.from, sent.rcpt);
        let logged = line(&verdict);
        let reason = format!("reason={} by={by} spf=", verdict.reason.code());
        assert!(logged.contains(&reason), "{logged}");
        assert!(by.bytes().all(|byte| byte.is_ascii_graphic()), "{by}");
        if verdict.lets_in() {
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
