//! Outgoing messages as tables: which of them leave with a tag and with a watermark, and why others do not.

use backstop::core::{
    address::Mailbox,
    envelope::Envelope,
    header::Headers,
    policy::Policy,
    proof::{DAY, batv::Layout, watermark},
};

use crate::scenario::{TODAY, mail, policy_with_keys, tagged};

const SITE: &str = "
mode: enforce
local: {domains: [example.org], networks: [10.0.0.0/8]}
proof:
  key_file: /etc/backstop/keys
  batv:
    sign: true
    except: {recipients: [lists.example, .lists.example], senders: [plain@example.org]}
  watermark: {sign: true}
";

fn policy(changes: &[(&str, &str)]) -> Policy {
    policy_with_keys(SITE, changes)
}

fn envelope(client: &str, from: &str) -> Envelope {
    mail().client(client).from(from).envelope()
}

#[test]
fn which_messages_leave_with_a_tag_and_which_with_a_watermark() {
    let headers = headers_of(&[("From", "x"), ("Date", "now"), ("Message-ID", "<1@x>")]);
    let signed = tagged("jane@example.org", 0, Layout::Prvs);
    let again = tagged("jane@example.org", 3, Layout::Prvs);
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
        let found = policy(&[]).departure(&envelope(client, from), &rcpts, &headers, TODAY * DAY);
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
        ("+", "sub_address", "prvs=a", Err("ambiguous_tag")),
        ("+", "sub_address", "SRS0", Err("ambiguous_tag")),
    ] {
        let mut policy = policy(&[]);
        policy.local.recipient_delimiter = delimiters.to_owned();
        policy.proof.batv.layout = serde_yaml::from_str(layout).unwrap();
        let sender = format!("{local}@example.org");
        let found = policy.departure(&envelope("10.0.0.1", &sender), &rcpt, &headers, TODAY * DAY);
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
            .departure(&sender, [], &message, TODAY * DAY)
            .watermark;
        let why = found.as_ref().err().map(ToString::to_string);
        assert_eq!(why.as_deref(), expected);
        if let Ok(watermark) = found {
            message.push(watermark::HEADER.as_bytes(), watermark.as_bytes());
            let again = policy
                .departure(&sender, [], &message, TODAY * DAY)
                .watermark;
            assert_eq!(again.unwrap_err().to_string(), "already_marked");
        }
    }
    let policy = policy(&[("batv:\n    sign: true", "batv:\n    sign: false")]);
    let found = policy.departure(
        &envelope("10.0.0.1", "jane@example.org"),
        [],
        &headers_of(&whole),
        TODAY * DAY,
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
