//! Odd spellings of MAIL and RCPT through both MTAs: what they admit is judged as what they deliver.

use backstop::core::address::Mailbox;
use lab::{postfix::Postfix, sendmail::Sendmail, smtp::Client};

use crate::site::{Letter, Mta, Site, codes};

/// Of MAIL FROM, and the address in it; "" is the null sender.
const SENDERS: &[(&str, &str)] = &[
    ("<<>>", ""),
    ("<(c)>", ""),
    ("<()>", ""),
    ("<\"\">", ""),
    ("\"\"", ""),
    ("(x)<>", ""),
    ("<;>", ""),
    ("<,>", ""),
    ("<:;>", ""),
    ("<g:;>", ""),
    ("< >", ""),
    ("<@x.test:>", ""),
    ("<boss@example.org(c)>", "boss@example.org"),
    ("<boss@(x)example.org>", "boss@example.org"),
    ("<boss@example(c).org>", "boss@example.org"),
    ("<(a(b)c)boss@example.org>", "boss@example.org"),
    ("(c)<boss@example.org>", "boss@example.org"),
    ("<boss@example.org>(x)", "boss@example.org"),
    ("<Boss <boss@example.org>>", "boss@example.org"),
    ("<<boss@example.org>>", "boss@example.org"),
    ("boss@example.org>", "boss@example.org"),
    ("<boss@example.org>BODY=8BITMIME", "boss@example.org"),
    ("<boss@\"example.org\">", "boss@example.org"),
    ("<\"boss@example.org\">", "boss@example.org"),
    ("<\"boss\"@\"example.org\">", "boss@example.org"),
    ("<boss@example\\.org>", "boss@example.org"),
    ("<b\\oss@example.org>", "boss@example.org"),
    ("<boss@example.org;>", "boss@example.org"),
    ("<boss@example.org,>", "boss@example.org"),
    ("<g:boss@example.org;>", "boss@example.org"),
    ("<boss@ example.org>", "boss@example.org"),
    ("<boss @example.org>", "boss@example.org"),
    ("<boss @ example.org>", "boss@example.org"),
    ("<boss@example .org>", "boss@example.org"),
    ("<boss@example.org.>", "boss@example.org"),
    ("<\tboss@example.org>", "boss@example.org"),
    ("<boss%example.org>", "boss@example.org"),
    ("<example.org!boss>", "boss@example.org"),
    ("<@relay.test:boss@example.org>", "boss@example.org"),
    ("<@relay.test: boss@example.org>", "boss@example.org"),
    ("<\"boss@example.org>", "boss@example.org"),
];

/// Of RCPT TO, all of noreply@example.org.
const RECIPIENTS: &[&str] = &[
    "<noreply@example.org(c)>",
    "<(c)noreply@example.org>",
    "<noreply@(x)example.org>",
    "<noreply@example(c).org>",
    "(c)<noreply@example.org>",
    "<noreply@example.org>(x)",
    "<No <noreply@example.org>>",
    "<<noreply@example.org>>",
    "noreply@example.org>",
    "<noreply@\"example.org\">",
    "<\"noreply@example.org\">",
    "<\"noreply\"@example.org>",
    "<n\\oreply@example.org>",
    "<\\noreply@example.org>",
    "<noreply@example.org;>",
    "<noreply@example.org,>",
    "<g:noreply@example.org;>",
    "<noreply@ example.org>",
    "<noreply @example.org>",
    "<noreply @ example.org>",
    "<noreply@example .org>",
    "<noreply@example.org.>",
    "<noreply%example.org>",
    "<example.org!noreply>",
    "<@relay.test:noreply@example.org>",
];

fn stranger<M: Mta>(site: &Site<M>) -> Client {
    site.session(66, "pc.spam.example")
}

fn monitoring<M: Mta>() -> Site<M> {
    Site::start_with(&[("mode: enforce", "mode: monitor")])
}

/// How many of the senders the MTA admits. `return_path` is what it delivers, where it isn't the address itself.
fn senders<M: Mta>(return_path: impl Fn(&str, &str) -> String) -> usize {
    let site = monitoring::<M>();
    let mut admitted = 0;
    for &(argument, address) in SENDERS {
        let since = site.backstop.log().len();
        let mut client = stranger(&site);
        let mail = client.command(format!("MAIL FROM:{argument}").as_bytes());
        if !mail.unwrap().is_positive() {
            continue;
        }
        let letter = Letter::bounce();
        assert_eq!(
            client.rcpt("known@example.net").unwrap().code,
            250,
            "{argument}"
        );
        assert_eq!(client.data(&letter.bytes).unwrap().code, 250, "{argument}");
        let text = site.delivered("known@example.net", &letter);
        let delivered = text
            .lines()
            .find_map(|line| line.strip_prefix("Return-Path: "));
        assert_eq!(
            delivered,
            Some(&*format!("<{}>", return_path(argument, address))),
            "{argument}"
        );
        let reason = if address.is_empty() {
            ""
        } else {
            " reason=mail_from_forged "
        };
        site.decision(since, &[&format!(" mail_from=<{address}> "), reason]);
        admitted += 1;
    }
    admitted
}

fn recipients<M: Mta>() -> usize {
    let site = monitoring::<M>();
    let mut admitted = 0;
    for argument in RECIPIENTS {
        let since = site.backstop.log().len();
        let mut client = stranger(&site);
        client.mail("").unwrap();
        let rcpt = client.command(format!("RCPT TO:{argument}").as_bytes());
        if !rcpt.unwrap().is_positive() {
            continue;
        }
        let letter = Letter::bounce();
        assert_eq!(client.data(&letter.bytes).unwrap().code, 250, "{argument}");
        site.delivered("noreply@example.org", &letter);
        site.decision(since, &[" reason=never_sends "]);
        admitted += 1;
    }
    admitted
}

#[test]
fn senders_through_postfix() {
    let admitted = senders::<Postfix>(|_, address| address.to_owned());
    assert!(admitted >= 30, "{admitted}");
}

#[test]
fn senders_through_sendmail() {
    let admitted = senders::<Sendmail>(|argument, address| match argument {
        // What it doesn't take apart itself, it hands on as its macro `f` has it.
        "<,>" => ",".to_owned(),
        "<:;>" => ":".to_owned(),
        "<g:boss@example.org;>" => "g:boss@example.org".to_owned(),
        _ if argument.contains(['"', '\\']) => argument.trim_matches(['<', '>']).to_owned(),
        _ => address.to_owned(),
    });
    assert!(admitted >= 25, "{admitted}");
}

#[test]
fn recipients_through_postfix() {
    let admitted = recipients::<Postfix>();
    assert!(admitted >= 20, "{admitted}");
}

#[test]
fn recipients_through_sendmail() {
    let admitted = recipients::<Sendmail>();
    assert!(admitted >= 15, "{admitted}");
}

/// The lists of milter.yaml know a name in the letters that Postfix takes for the same.
#[test]
fn letters_beyond_ascii_compare_as_postfix_folds_them() {
    let site = Site::<Postfix>::start();
    for (recipient, expected) in [
        ("j\u{f6}rg@example.org", "250 2.1.5"),
        ("J\u{d6}RG@example.org", "250 2.1.5"),
        ("J\u{d6}RG+x@EXAMPLE.org", "250 2.1.5"),
        ("jorg@example.org", "550 5.7.1"),
        ("JO\u{308}RG@example.org", "550 5.7.1"),
    ] {
        let mut client = site.session(7, "mx.bystander.example");
        assert_eq!(client.command(b"MAIL FROM:<> SMTPUTF8").unwrap().code, 250);
        assert_eq!(
            codes(&client.rcpt(recipient).unwrap()),
            expected,
            "{recipient}"
        );
    }
    for local in FOLDED {
        let key = Mailbox::from_bytes(format!("{local}@example.org").as_bytes()).local_key();
        let key = String::from_utf8(key).unwrap();
        let table = format!("inline:{{ {{ {key} = same }} }}");
        let answer = site.mta.postmap(&table, local).unwrap();
        assert_eq!(answer.as_deref(), Some("same"), "{local}");
    }
}

/// Where folding is more than one letter for another.
const FOLDED: &[&str] = &[
    "B\u{dc}RO",
    "Stra\u{df}e",
    "STRA\u{1e9e}E",
    "\u{3a3}\u{39f}\u{3a6}\u{39f}\u{3a3}",
    "\u{3c3}\u{3bf}\u{3c6}\u{3bf}\u{3c2}",
    "\u{130}stanbul",
    "I\u{131}",
    "\u{fb01}n",
    "\u{416}\u{416}",
    "U\u{308}ber",
];
