//! Proof as tables: a bounce to an address with a tag, or an outgoing message; what becomes of it, and why.

use backstop::core::{
    address::{Mailbox, ReversePath},
    dnsbl::Listing,
    envelope::{Client, Envelope, Recipient},
    header::Headers,
    policy::{Case, Judgement, Policy, SpfAnswers, Tag},
    proof::{
        self, Keys,
        batv::{self, Layout, Proof, Tagged},
        watermark,
    },
    recipients::Known,
    reply::Reply,
    spf::{Identity, SpfCheck, SpfResult},
};

const SITE: &str = "
mode: enforce
local: {domains: [example.org], networks: [10.0.0.0/8]}
null_sender:
  never_send: [noreply@example.org]
  exempt: {clients: [192.0.2.77]}
exempt: {clients: [192.0.2.99], recipients: [abuse]}
recipients:
  - domain: example.org
    known: [{addresses: [jane]}]
    rules: [{match: 'old-.*', mail: reject, bounces: reject}]
    catch_all: {mail: accept, bounces: reject}
dnsbl: [{zone: ips.backscatterer.org, action: reject}]
proof:
  key_file: /etc/backstop/keys
  batv:
    sign: true
    guess_limit: 5
    except: {recipients: [lists.example, .lists.example], senders: [plain@example.org]}
  watermark: {sign: true}
";
const KEY: &str = "0 2026-01-01 MDEyMzQ1Njc4OWFiY2RlZg\n";
/// Days since 1970; its last three digits are about to come round.
const TODAY: u64 = 20_997;

fn policy(changes: &[(&str, &str)]) -> Policy {
    let mut policy = crate::site::policy(SITE, changes);
    policy.proof.keys = Keys::parse(KEY).unwrap();
    policy
}

/// The address with a tag that was made so many days ago.
fn tagged(address: &str, days_ago: u64) -> String {
    let keys = Keys::parse(KEY).unwrap();
    let sender = Mailbox::from_bytes(address.as_bytes());
    let tagged = batv::sign(&sender, &keys, TODAY - days_ago, 7, Layout::Prvs, b'+');
    String::from_utf8(tagged.unwrap()).unwrap()
}

/// The same with another digit in its end.
fn wrong(address: &str) -> String {
    let tagged = tagged(address, 0);
    let (tag, rest) = tagged.split_at("prvs=0".len() + 8);
    let (digit, rest) = rest.split_at(1);
    let digit = if digit == "0" { "1" } else { "0" };
    [tag, digit, rest].concat()
}

/// Of a client that is called mx.example.com.
pub fn envelope(client: &str, from: &str) -> Envelope {
    Envelope {
        client: Client {
            address: client.parse().ok(),
            helo: Some(b"mx.example.com".to_vec()),
            ..Client::default()
        },
        reverse_path: ReversePath::from_bytes(from.as_bytes()),
    }
}

struct Sent<'a> {
    client: &'a str,
    from: &'a str,
    rcpt: String,
    spf: SpfResult,
    wrong_before: u32,
    listings: &'a [Listing],
}

/// A bounce against which nothing else speaks.
const BOUNCE: Sent<'static> = Sent {
    client: "192.0.2.1",
    from: "",
    rcpt: String::new(),
    spf: SpfResult::None,
    wrong_before: 0,
    listings: &[],
};

fn judge(policy: &Policy, sent: &Sent<'_>) -> (Judgement, Option<Tag>, Vec<u8>) {
    let envelope = envelope(sent.client, sent.from);
    let recipient = Recipient {
        mailbox: Mailbox::from_bytes(sent.rcpt.as_bytes()),
        refused: None,
    };
    let addressed = policy.addressed(&envelope, recipient, TODAY, sent.wrong_before);
    let spf = SpfAnswers {
        helo: Some(SpfCheck::new(
            Identity::Helo,
            "mx.example.com".to_owned(),
            sent.spf,
        )),
        ..SpfAnswers::default()
    };
    let known = match addressed.recipient.mailbox.local() {
        b"jane" => Known::Listed("inline".to_owned()),
        _ => Known::NotListed,
    };
    let case = Case {
        envelope: &envelope,
        spf: &spf,
        recipient: &addressed.recipient,
        tag: addressed.tag,
        earlier: 0,
        known: &known,
        listings: sent.listings,
        siege: None,
    };
    let mailbox = addressed.recipient.mailbox.to_bytes();
    (policy.judge(&case), addressed.tag, mailbox)
}

/// The verdict with its reason, what enforcing would do, and the codes of the reply.
fn outcome(policy: &Policy, sent: &Sent<'_>) -> String {
    let (Judgement { verdict, .. }, ..) = judge(policy, sent);
    let would = verdict.would.map(|action| format!(" would={action}"));
    let reply = Reply::to(&verdict, None);
    let reply = reply.map(|reply| format!(" {} {}", reply.code, reply.enhanced_text()));
    format!(
        "{} {}{}{}",
        verdict.action,
        verdict.reason.code(),
        would.unwrap_or_default(),
        reply.unwrap_or_default()
    )
}

fn holds(policy: &Policy, table: Vec<(Sent<'_>, &str)>) {
    for (number, (sent, expected)) in table.into_iter().enumerate() {
        let found = outcome(policy, &sent);
        assert_eq!(found, expected, "row {number}: <{}>", sent.rcpt);
    }
}

#[test]
fn a_bounce_proves_itself_by_its_tag() {
    let to = |rcpt: String| Sent { rcpt, ..BOUNCE };
    holds(
        &policy(&[]),
        vec![
            (to(tagged("jane@example.org", 0)), "accept batv"),
            (to(tagged("jane@example.org", 7)), "accept batv"),
            (
                to(tagged("jane@example.org", 8)),
                "reject batv_expired 550 5.7.1",
            ),
            (to(wrong("jane@example.org")), "reject batv_wrong 550 5.7.1"),
            // Without a tag it is judged as before.
            (to("jane@example.org".to_owned()), "accept nothing_found"),
            (
                to("x@example.org".to_owned()),
                "reject catch_all_bounce 550 5.7.1",
            ),
        ],
    );
}

/// Whoever sent mail gets its bounces, whatever the rules for bounces say of his address.
#[test]
fn what_bounces_are_refused_for_does_not_apply_to_proven_ones() {
    let policy = policy(&[]);
    let listed = [Listing::Listed([127, 0, 0, 2].into())];
    for address in ["noreply@example.org", "x@example.org", "jane@example.org"] {
        let to = |rcpt| Sent {
            rcpt,
            listings: &listed,
            spf: SpfResult::Temperror,
            ..BOUNCE
        };
        let proven = to(tagged(address, 0));
        assert_eq!(outcome(&policy, &proven), "accept batv", "{address}");
        let without_dns = |sent| Sent {
            listings: &[],
            spf: SpfResult::None,
            ..sent
        };
        assert_eq!(
            outcome(&policy, &without_dns(to(wrong(address)))),
            "reject batv_wrong 550 5.7.1"
        );
    }
    // What nobody may send to, nobody may.
    let closed = Sent {
        rcpt: tagged("old-x@example.org", 0),
        ..BOUNCE
    };
    assert_eq!(outcome(&policy, &closed), "reject rule_mail 550 5.7.1");
    // A client whose HELO is somebody else's is refused with any proof.
    let forged = Sent {
        rcpt: tagged("jane@example.org", 0),
        spf: SpfResult::Fail,
        ..BOUNCE
    };
    assert_eq!(outcome(&policy, &forged), "reject spf_helo_fail 550 5.7.23");
}

#[test]
fn who_is_exempt_stays_so() {
    let exempt = |client, rcpt| Sent {
        client,
        rcpt,
        wrong_before: 100,
        ..BOUNCE
    };
    let jane = || wrong("jane@example.org");
    holds(
        &policy(&[]),
        vec![
            (
                exempt("192.0.2.1", wrong("postmaster@example.org")),
                "accept exempt_postmaster",
            ),
            (
                exempt("192.0.2.1", wrong("abuse@example.org")),
                "accept exempt_recipient",
            ),
            (exempt("192.0.2.99", jane()), "accept exempt_client"),
            (exempt("192.0.2.77", jane()), "accept nothing_found"),
            (exempt("10.0.0.1", jane()), "accept outgoing_network"),
        ],
    );
}

#[test]
fn mail_to_a_tagged_address_proves_nothing_and_need_not() {
    let policy = policy(&[]);
    for rcpt in [
        tagged("jane@example.org", 0),
        tagged("jane@example.org", 500),
        wrong("jane@example.org"),
        "jane@example.org".to_owned(),
    ] {
        let sent = Sent {
            from: "bob@example.com",
            rcpt,
            wrong_before: 100,
            ..BOUNCE
        };
        let (judgement, _, mailbox) = judge(&policy, &sent);
        assert_eq!(judgement.verdict.reason.code(), "nothing_found");
        assert_eq!(mailbox, b"jane@example.org");
    }
}

#[test]
fn tags_of_others_are_left_alone() {
    let ours = tagged("jane@example.com", 0);
    for rcpt in [
        "prvs=jane=0123abcdef@example.org",
        "btv1==0123abcdef==jane@example.org",
        "msprvs1=0123abcdef=jane@example.org",
        "SRS0=HHH=TT=example.com=jane@example.org",
        "SRS1=HHH=example.com==HHH=TT=example.net=jane@example.org",
        &ours,
    ] {
        let sent = Sent {
            rcpt: rcpt.to_owned(),
            ..BOUNCE
        };
        let (_, tag, mailbox) = judge(&policy(&[]), &sent);
        assert_eq!((tag, &*mailbox), (None, rcpt.as_bytes()));
    }
}

#[test]
fn who_guesses_is_not_listened_to() {
    let guess = |wrong_before, rcpt| Sent {
        wrong_before,
        rcpt,
        ..BOUNCE
    };
    let right = || tagged("jane@example.org", 0);
    holds(
        &policy(&[]),
        vec![
            (guess(4, right()), "accept batv"),
            (guess(5, right()), "tempfail batv_guessed 450 4.7.1"),
            (
                guess(5, wrong("jane@example.org")),
                "tempfail batv_guessed 450 4.7.1",
            ),
            (
                guess(5, "jane@example.org".to_owned()),
                "accept nothing_found",
            ),
        ],
    );
    let endless = policy(&[("guess_limit: 5", "guess_limit: 0")]);
    holds(&endless, vec![(guess(1000, right()), "accept batv")]);
}

#[test]
fn the_answer_to_forged_ones_is_the_files_to_say() {
    let bounce = |wrong_before| Sent {
        rcpt: wrong("jane@example.org"),
        wrong_before,
        ..BOUNCE
    };
    for (from, to, wrong, guessed) in [
        (
            "proof:\n",
            "proof:\n  forged: tag\n",
            "tag batv_wrong",
            "tag batv_guessed",
        ),
        (
            "proof:\n",
            "proof:\n  forged: {action: reject, monitor: true}\n",
            "tag batv_wrong would=reject",
            "tag batv_guessed would=tempfail",
        ),
        (
            "mode: enforce",
            "mode: monitor",
            "tag batv_wrong would=reject",
            "tag batv_guessed would=tempfail",
        ),
        (
            "proof:\n",
            "proof:\n  forged: accept\n",
            "accept nothing_found",
            "accept nothing_found",
        ),
    ] {
        let policy = policy(&[(from, to)]);
        holds(&policy, vec![(bounce(0), wrong), (bounce(5), guessed)]);
    }
}

/// Without keys there are no tags of ours, and an address that looks like one is an address.
#[test]
fn without_keys_nothing_changes() {
    let mut policy = policy(&[]);
    policy.proof.keys = Keys::default();
    let sent = Sent {
        rcpt: tagged("jane@example.org", 0),
        ..BOUNCE
    };
    let (_, tag, mailbox) = judge(&policy, &sent);
    assert_eq!((tag, mailbox), (None, sent.rcpt.clone().into_bytes()));
}

#[test]
fn which_messages_leave_with_a_tag_and_which_with_a_watermark() {
    let headers = headers_of(&[("From", "x"), ("Date", "now"), ("Message-ID", "<1@x>")]);
    let signed = tagged("jane@example.org", 0);
    let again = tagged("jane@example.org", 3);
    let long = format!("{}@example.org", "x".repeat(49));
    for (client, from, rcpts, expected) in [
        (
            "10.0.0.1",
            "jane@example.org",
            &["a@b.example"][..],
            Ok(&*signed),
        ),
        (
            "10.0.0.1",
            "jane@example.org",
            &["a@b.example", "x@sub.lists.example"],
            Err("except_recipient"),
        ),
        (
            "10.0.0.1",
            "Plain@example.org",
            &["a@b.example"],
            Err("except_sender"),
        ),
        (
            "10.0.0.1",
            "",
            &["a@b.example"],
            Err("the null sender gets no bounces"),
        ),
        (
            "10.0.0.1",
            "jane@example.com",
            &["a@b.example"],
            Err("the sender's domain is not in local.domains"),
        ),
        ("10.0.0.1", &*again, &["a@b.example"], Err("already_tagged")),
        ("10.0.0.1", &*long, &["a@b.example"], Err("too_long")),
        (
            "10.0.0.1",
            "jörg@example.org",
            &["a@b.example"],
            Err("not_ascii"),
        ),
        (
            "192.0.2.1",
            "jane@example.org",
            &["a@b.example"],
            Err("the message is not outgoing"),
        ),
    ] {
        let rcpts: Vec<_> = rcpts
            .iter()
            .map(|rcpt| Mailbox::from_bytes(rcpt.as_bytes()))
            .collect();
        let found = policy(&[]).departure(
            &envelope(client, from),
            &rcpts,
            &headers,
            TODAY * proof::DAY,
        );
        let sender = found.sender.map_err(|why| why.to_string());
        let expected = expected.map(str::as_bytes).map_err(str::to_owned);
        assert_eq!(sender.as_deref().map_err(Clone::clone), expected, "{from}");
        // Whom the message is from, and where to, is nothing to a watermark.
        let watermark = found.watermark.map_err(|why| why.to_string());
        let expected = match expected {
            Err(why) if why.contains(' ') => Err(why),
            _ => Ok(watermark::write(&headers, &policy(&[]).proof.keys, TODAY, 7).unwrap()),
        };
        assert_eq!(watermark, expected, "{from}");
    }
}

/// Postfix divides at the first delimiter, whatever stands behind it: a tag behind a name with a dash would be an extension
/// of somebody who isn't there.
#[test]
fn a_name_with_a_delimiter_in_it_gets_no_tag_unless_that_is_a_plus() {
    let headers = headers_of(&[("From", "x"), ("Date", "now"), ("Message-ID", "<1@x>")]);
    let rcpt = [Mailbox::from_bytes(b"a@b.example")];
    for (delimiters, layout, local, signed) in [
        ("+", "sub_address", "ann", Ok("ann+prvs=")),
        ("+", "sub_address", "ann+shop", Ok("ann+shop+prvs=")),
        ("+", "sub_address", "ann-lee", Ok("ann-lee+prvs=")),
        ("+", "prvs", "ann-lee", Ok("prvs=")),
        ("-", "sub_address", "ann", Ok("ann-prvs=")),
        ("-", "sub_address", "ann+shop", Ok("ann+shop-prvs=")),
        ("-", "sub_address", "ann-lee", Err("delimiter")),
        ("-", "prvs", "ann", Ok("prvs=")),
        ("-", "prvs", "ann-lee", Err("delimiter")),
        ("-", "prvs", "ann-prvs=3123abcdef", Err("already_tagged")),
        ("+-", "sub_address", "ann", Ok("ann+prvs=")),
        ("+-", "sub_address", "ann-lee", Err("delimiter")),
        ("+-", "prvs", "ann-lee", Err("delimiter")),
        ("-+", "prvs", "ann+shop", Ok("prvs=")),
        ("", "prvs", "ann-lee", Ok("prvs=")),
    ] {
        let mut policy = policy(&[]);
        policy.local.recipient_delimiter = delimiters.to_owned();
        policy.proof.batv.layout = serde_yaml::from_str(layout).unwrap();
        let sender = format!("{local}@example.org");
        let found = policy.departure(
            &envelope("10.0.0.1", &sender),
            &rcpt,
            &headers,
            TODAY * proof::DAY,
        );
        let found = found.sender.map_err(|why| why.to_string());
        let place = format!("{local} {delimiters} {layout}");
        match signed {
            Ok(start) => assert!(found.unwrap().starts_with(start.as_bytes()), "{place}"),
            Err(why) => assert_eq!(found.unwrap_err(), why, "{place}"),
        }
    }
}

#[test]
fn why_a_message_leaves_without_a_watermark() {
    let whole = [
        ("From", "jane@example.com"),
        ("Date", "now"),
        ("Message-ID", "<1@x>"),
    ];
    let twice = [&whole[..], &[("Date", "then")]].concat();
    let off = ("watermark: {sign: true}", "watermark: {sign: false}");
    for (change, headers, expected) in [
        (None, &whole[..], None),
        (None, &whole[..2], Some("no_message_id")),
        (None, &whole[1..], Some("ambiguous")),
        (None, &twice, Some("ambiguous")),
        (Some(off), &whole, Some("it is switched off")),
    ] {
        let policy = policy(change.as_slice());
        let mut message = headers_of(headers);
        let sender = envelope("10.0.0.1", "jane@example.org");
        let found = policy
            .departure(&sender, [], &message, TODAY * proof::DAY)
            .watermark;
        let why = found.as_ref().err().map(ToString::to_string);
        assert_eq!(why.as_deref(), expected);
        if let Ok(watermark) = found {
            message.push(watermark::HEADER.as_bytes(), watermark.as_bytes());
            let again = policy
                .departure(&sender, [], &message, TODAY * proof::DAY)
                .watermark;
            assert_eq!(again.unwrap_err().to_string(), "already_marked");
        }
    }
    let policy = policy(&[("batv:\n    sign: true", "batv:\n    sign: false")]);
    let found = policy.departure(
        &envelope("10.0.0.1", "jane@example.org"),
        [],
        &headers_of(&whole),
        TODAY * proof::DAY,
    );
    assert_eq!(found.sender.unwrap_err().to_string(), "it is switched off");
    assert!(found.watermark.is_ok());
}

fn headers_of(fields: &[(&str, &str)]) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in fields {
        headers.push(name.as_bytes(), value.as_bytes());
    }
    headers
}

/// Exim makes the tags that we make, and takes them for its own. We write addresses in lower case, and Exim as they are.
#[test]
fn exim_agrees_in_both_directions() {
    const SECRET: &str = "0123456789abcdef";
    let keys = Keys::parse(KEY).unwrap();
    for address in [
        "user@example.com",
        "First.Last+ext@example.org",
        "a=b@example.net",
    ] {
        let mailbox = Mailbox::from_bytes(address.as_bytes());
        let now = || {
            let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
            proof::today(since.as_secs())
        };
        let sign = |today| {
            let tagged = batv::sign(&mailbox, &keys, today, 7, Layout::Prvs, b'+');
            String::from_utf8(tagged.unwrap()).unwrap()
        };
        let (before, ours) = (now(), sign(now()));
        let lower = address.to_ascii_lowercase();
        let expanded = lab::exim::expand(&[
            &format!("${{prvs{{{lower}}}{{{SECRET}}}{{0}}}}"),
            &format!("${{prvs{{{address}}}{{{SECRET}}}{{0}}}}"),
            &format!(
                "${{prvscheck{{{ours}}}{{{SECRET}}}{{$prvscheck_result $prvscheck_address}}}}"
            ),
            &format!("${{prvscheck{{{ours}}}{{another}}{{no $prvscheck_result}}}}"),
        ])
        .unwrap();
        let [same, theirs, checked, refused] = expanded.as_slice() else {
            panic!("{expanded:?}")
        };
        // Midnight may have come between.
        assert!([before, now()].map(sign).contains(same), "{same}");
        assert_eq!(*checked, format!("1 {lower}"));
        assert_eq!(refused.trim(), "no");
        let Some(Tagged::Ours(tag)) = batv::read(&Mailbox::from_bytes(theirs.as_bytes()), "+")
        else {
            panic!("{theirs}")
        };
        assert_eq!(batv::verify(&tag, &keys, now(), 7), Proof::Valid { key: 0 });
    }
}
