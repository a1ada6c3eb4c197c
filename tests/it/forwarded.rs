//! Mail that is forwarded to a host which refuses it: whether a forged sender gets a bounce, through real MTAs.

use std::time::Duration;

use lab::{
    postfix::{self, Postfix},
    process::{free_port, wait_until},
    sendmail::{self, Sendmail},
    sink::Sink,
    smtp::Client,
};

use crate::{
    package::text,
    site::{Letter, Site, changed, sendmail_lines},
};

const PATIENCE: Duration = Duration::from_secs(60);
const FORGED: &str = "ann@bank.example";
const HONEST: &str = "ann@friend.example";

/// What the file says beside the rest, which refuses nothing here.
fn changes(outbound: &'static str) -> [(&'static str, &'static str); 2] {
    [
        (
            "spf:\n",
            "spf:\n  mail_from: {fail: tag, temperror: accept}\n",
        ),
        ("proof: {dkim: {verify: false}}", outbound),
    ]
}

const OFF: &str = "proof: {dkim: {verify: false}}";
const ON: &str = "proof: {dkim: {verify: false}}\n\
    outbound: {forwarded: {no_dsn: [joe@example.org, known@example.net]}}";

/// A letter whose From: has this address.
fn letter(from: &str) -> Letter {
    Letter::headed(&format!(
        "From: Ann <{from}>\r\nTo: joe@example.org\r\nSubject: Hello\r\n\
         Date: Thu, 1 Jan 2026 00:00:00 +0000\r\n"
    ))
}

/// Next hops that refuse what comes from here to `refused`, and take the bounces.
fn next_hop() -> Sink {
    Sink::start_refusing(|recipient| recipient.starts_with("refused")).unwrap()
}

/// Sends it as this sender to this recipient, with these parameters.
fn send(client: &mut Client, sender: &str, rcpt: &str, letter: &Letter) {
    assert_eq!(client.mail(sender).unwrap().code, 250);
    let rcpt = client
        .command(format!("RCPT TO:{rcpt}").as_bytes())
        .unwrap();
    assert_eq!(rcpt.code, 250, "{rcpt:?}");
    assert_eq!(client.data(&letter.bytes).unwrap().code, 250);
}

/// Waits until the MTA has done all that it does, by its log; then whether it made a bounce, which then comes.
fn made_bounce(
    log: impl Fn() -> String,
    judge: impl Fn(&str) -> Option<bool>,
    sink: &Sink,
    sender: &str,
    letter: &Letter,
) -> bool {
    let mut made = None;
    let waited = wait_until(PATIENCE, || {
        made = judge(&log());
        Ok(made.is_some())
    });
    assert!(waited.is_ok(), "it is not over\n{}", log());
    let came = || {
        sink.mail().into_iter().any(|mail| {
            mail.sender.is_empty()
                && mail.recipients == [sender]
                && String::from_utf8_lossy(&mail.message).contains(&letter.id)
        })
    };
    let made = made.unwrap();
    if made {
        wait_until(PATIENCE, || Ok(came())).unwrap();
    }
    assert_eq!(came(), made);
    made
}

/// What Postfix did with the letter: none while it is not over. One that local(8) forwards has another queue id then.
fn by_postfix(log: &str, letter: &Letter) -> Option<bool> {
    let id_of = |line: &str| {
        let (_, rest) = line.split_once("]: ")?;
        rest.split_once(": ").map(|(id, _)| id.to_owned())
    };
    let named = format!("message-id={}", letter.id);
    let first = log.lines().find(|line| line.contains(&named))?;
    let mut id = id_of(first)?;
    let sent_on = format!("{id}: to=");
    let mut lines = log.lines();
    if let Some(line) = lines.find(|line| line.contains(&sent_on) && line.contains("forwarded as "))
    {
        let (_, next) = line.split_once("forwarded as ")?;
        id = next.trim_end_matches(')').to_owned();
    }
    log.contains(&format!("{id}: removed"))
        .then(|| log.contains(&format!("{id}: sender non-delivery notification")))
}

/// The same of Sendmail.
fn by_sendmail(log: &str, letter: &Letter) -> Option<bool> {
    let named = format!("msgid={}", letter.id);
    let line = log.lines().find(|line| line.contains(&named))?;
    let (_, rest) = line.split_once("]: ")?;
    let (id, _) = rest.split_once(": ")?;
    let of_it = || {
        log.lines()
            .filter(|line| line.contains(&format!("]: {id}: ")))
    };
    of_it()
        .any(|line| line.contains("done; delay="))
        .then(|| of_it().any(|line| line.contains(": DSN: ")))
}

struct Forwarding {
    site: Site<Postfix>,
    sink: Sink,
}

impl Forwarding {
    /// A Postfix that forwards joe by a virtual alias and known by an alias of its own.
    fn start(outbound: &'static str) -> Self {
        let sink = next_hop();
        let port = free_port().unwrap();
        let relay = sink.addr();
        let site = Site::start_around(port, &changes(outbound), || {
            let shipped = changed(
                &text("packaging/postfix/main.cf"),
                &[("inet:127.0.0.1:8894", &format!("inet:127.0.0.1:{port}"))],
            );
            Postfix::start(&postfix::Options {
                domains: vec!["example.org".to_owned()],
                relay: Some(relay),
                main_cf: vec![
                    shipped,
                    "virtual_alias_maps = inline:{ { joe@example.org = refused@far.example }, \
                     { sales@example.org = taken@far.example } }"
                        .to_owned(),
                    "mydestination = example.net".to_owned(),
                    "alias_maps = inline:{ { known = refused@far.example } }".to_owned(),
                    "local_recipient_maps =".to_owned(),
                ],
                master_cf: vec!["local unix - n n - - local".to_owned()],
                ..postfix::Options::default()
            })
            .unwrap()
        });
        Self { site, sink }
    }

    /// Whether the sender gets a bounce.
    fn bounces(&self, sender: &str, from: &str, rcpt: &str) -> bool {
        let letter = letter(from);
        let mut client = self.site.friend();
        send(&mut client, sender, rcpt, &letter);
        let log = || self.site.mta.log();
        let judge = |log: &str| by_postfix(log, &letter);
        made_bounce(log, judge, &self.sink, sender, &letter)
    }

    /// What the log says of the first message of this sender.
    fn no_dsn(&self, sender: &str) -> String {
        let from = format!(" mail_from=<{sender}> ");
        let line = self.site.decision(0, &[&from, " no_dsn="]);
        let word = line.split(" no_dsn=").nth(1).unwrap();
        word.split(' ').next().unwrap().to_owned()
    }
}

/// Without the key, the forged sender gets what the next hop refuses.
#[test]
fn postfix_without_the_key_makes_backscatter() {
    let forwarding = Forwarding::start(OFF);
    assert!(forwarding.bounces(FORGED, FORGED, "<joe@example.org>"));
    assert_eq!(forwarding.no_dsn(FORGED), "-");
}

/// With it none, by a virtual alias or by one of local(8), whatever was asked for; and what is not forged bounces.
#[test]
fn postfix_with_the_key_makes_none() {
    let forwarding = Forwarding::start(ON);
    for (sender, from, rcpt, expected) in [
        (FORGED, FORGED, "<joe@example.org>", false),
        (
            FORGED,
            FORGED,
            "<joe@example.org> NOTIFY=FAILURE,DELAY ORCPT=rfc822;joe@example.org",
            false,
        ),
        (FORGED, FORGED, "<known@example.net>", false),
        (HONEST, HONEST, "<joe@example.org>", true),
        (HONEST, HONEST, "<known@example.net>", true),
        // SPF passes for another domain than that of From:, which asks to reject what fails DMARC.
        (HONEST, "ann@bank.example", "<joe@example.org>", false),
        // No record, and no answer.
        (
            "ann@nobody.example",
            "ann@nobody.example",
            "<joe@example.org>",
            true,
        ),
        (
            "ann@dead.example",
            "ann@dead.example",
            "<joe@example.org>",
            true,
        ),
    ] {
        let found = forwarding.bounces(sender, from, rcpt);
        assert_eq!(found, expected, "{sender} {from} {rcpt}");
    }
    assert_eq!(forwarding.no_dsn(FORGED), "spf");
    assert_eq!(forwarding.no_dsn("ann@dead.example"), "-");
    let dmarc = forwarding
        .site
        .decision(0, &[" mail_from=<ann@friend.example> ", " no_dsn=dmarc "]);
    assert!(dmarc.contains(" spf=pass "), "{dmarc}");
}

/// A next hop that knows DSN is asked for no notice either; who is not listed keeps what was asked for.
#[test]
fn postfix_passes_it_on() {
    let list =
        "proof: {dkim: {verify: false}}\noutbound: {forwarded: {no_dsn: [sales@example.org]}}";
    let forwarding = Forwarding::start(list);
    let sent = |sender: &str| {
        let letter = letter(sender);
        let mut client = forwarding.site.friend();
        let rcpt = "<sales@example.org> NOTIFY=FAILURE ORCPT=rfc822;Sales@example.org";
        send(&mut client, sender, rcpt, &letter);
        let mut found = None;
        wait_until(PATIENCE, || {
            let mut mail = forwarding.sink.mail().into_iter();
            found = mail.find(|mail| String::from_utf8_lossy(&mail.message).contains(&letter.id));
            Ok(found.is_some())
        })
        .unwrap();
        found.unwrap().recipient_parameters.join(" ")
    };
    let forged = sent(FORGED);
    assert!(forged.contains("NOTIFY=NEVER"), "{forged}");
    assert!(
        forged.contains("ORCPT=rfc822;Sales@example.org"),
        "{forged}"
    );
    let honest = sent(HONEST);
    assert!(honest.contains("NOTIFY=FAILURE"), "{honest}");
}

/// Sendmail relays example.org to a host that refuses it. It adds what a milter asks for to what the client asked for, so it
/// bounces all the same: nothing is changed, and the log says so.
#[test]
fn sendmail_bounces_with_the_key_as_without() {
    const WARNED: &str = "this MTA takes no NOTIFY=NEVER from a milter";
    for outbound in [OFF, ON] {
        let sink = Sink::start_refusing(|recipient| recipient.starts_with("joe@")).unwrap();
        let port = free_port().unwrap();
        let relay = sink.addr();
        let site: Site<Sendmail> = Site::start_around(port, &changes(outbound), || {
            let sendmail = Sendmail::start(&sendmail::Options {
                domains: vec!["mx.example.org".to_owned()],
                relay: Some(relay),
                mc: vec![
                    sendmail_lines(port),
                    "RELAY_DOMAIN(`example.org')dnl\n".to_owned(),
                ],
                ..sendmail::Options::default()
            });
            sendmail.unwrap()
        });
        let letter = letter(FORGED);
        let mut client = site.friend();
        send(&mut client, FORGED, "<joe@example.org>", &letter);
        let judge = |log: &str| by_sendmail(log, &letter);
        assert!(made_bounce(
            || site.mta.log(),
            judge,
            &sink,
            FORGED,
            &letter
        ));
        let line = site.decision(0, &[" mail_from=<ann@bank.example> ", " no_dsn=-"]);
        assert!(line.contains(" spf=fail "), "{line}");
        assert!(!site.mta.log().contains(" delete: rcpt "));
        assert_eq!(site.backstop.log().contains(WARNED), outbound == ON);
    }
}
