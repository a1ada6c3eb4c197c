//! Odd spellings of MAIL and RCPT through both MTAs: what they admit is judged as what they deliver.

use lab::{postfix::Postfix, sendmail::Sendmail, smtp::Client};

use crate::site::{Letter, Mta, Site};

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
            " reason=own_domain_forged "
        };
        site.decision(since, &[&format!(" from=<{address}> "), reason]);
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
    let admitted = senders::<Sendmail>(|argument, address| match address {
        // It takes these for hosts of other names, and hands them on as they are.
        _ if argument.contains("\"example.org\"") || argument.contains("example\\.org") => {
            argument.trim_matches(['<', '>']).to_owned()
        }
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
