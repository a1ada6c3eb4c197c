//! A day of the MTA's log: whose mail came from which client, and for which domains mail was delivered here.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    net::IpAddr,
};

use crate::{
    core::address::{Domain, Host, Mailbox},
    maillog::{Client, Delivery, Event, Line},
};

/// Messages in progress that are remembered at a time.
const MAX_MESSAGES: usize = 100_000;
/// Clients that are remembered.
const MAX_CLIENTS: usize = 50_000;
/// Pairs of sender's and recipient's domain that are remembered of a client.
const MAX_PAIRS: usize = 200;

/// Stands for the domain of an address of this host that its log does not name.
pub const HERE: &str = "localhost";

/// An MTA, and where its lines are.
#[derive(Clone, Copy, Debug)]
pub struct Writer {
    /// Its name.
    pub name: &'static str,
    /// One of these stands in each of its lines.
    pub marks: &'static [&'static str],
    /// The options of journalctl(1) that select its lines.
    pub journal: &'static [&'static str],
}

/// postfix(1).
pub const POSTFIX: Writer = Writer {
    name: "Postfix",
    marks: &["postfix"],
    journal: &["-u", "postfix*"],
};
/// sendmail(8).
pub const SENDMAIL: Writer = Writer {
    name: "Sendmail",
    marks: &["sendmail[", "sm-mta["],
    journal: &["-t", "sendmail", "-t", "sm-mta"],
};

/// What the log says.
#[derive(Clone, Debug, Default)]
pub struct Day {
    /// How many messages were seen.
    pub messages: u64,
    /// What came from each client that did not log in, by the domains of the sender and of a recipient.
    pub clients: HashMap<IpAddr, BTreeMap<(Domain, Domain), String>>,
    /// Domains that a transport of this host delivered mail for; of Postfix only.
    pub delivered: BTreeSet<Domain>,
}

/// A message between its first line and `removed`.
#[derive(Default)]
struct Message {
    client: Option<IpAddr>,
    sender: Option<Domain>,
}

/// Reads lines, the oldest first.
#[derive(Default)]
pub struct Reader {
    day: Day,
    messages: HashMap<Vec<u8>, Message>,
    /// Who logged in to Sendmail: the process of the session, and the client.
    users: HashSet<(Option<u32>, Option<IpAddr>)>,
    is_sendmail: bool,
}

impl Reader {
    /// What was read.
    pub fn day(self) -> Day {
        self.day
    }

    /// Reads a line of syslog, of the journal, or of `maillog_file`. Others count for nothing.
    pub fn line(&mut self, line: &str) {
        let Some(line) = Line::read(line.as_bytes()) else {
            return;
        };
        match Event::read(&line) {
            Some(Event::LogsIn { address }) if self.users.len() < MAX_MESSAGES => {
                self.users.insert((line.process, address));
            }
            Some(Event::Received {
                id, client, sender, ..
            }) => self.received(id, line.process, &client, sender),
            Some(Event::Begins {
                id: Some(id),
                client,
            }) => self.begins(id, &client),
            Some(Event::Queued { id, sender, .. }) => {
                if let (Some(message), Some(sender)) = (self.messages.get_mut(id), domain(sender)) {
                    message.sender = Some(sender);
                }
            }
            Some(Event::Delivery(delivery)) => self.delivery(&delivery),
            Some(Event::Removed { id }) => {
                self.messages.remove(id);
            }
            Some(Event::Refused {
                address: Some(client),
                sender,
                recipient,
            }) => {
                if let (Some(sender), Some(recipient)) = (domain(sender), domain(recipient)) {
                    self.seen(client, sender, recipient, "refused");
                }
            }
            _ => {}
        }
    }

    fn begins(&mut self, id: &[u8], client: &Client<'_>) {
        if client.is_local {
            return;
        }
        self.day.messages += 1;
        // A content filter hands on who sent the message first; a client that logged in is one of ours.
        let is_hop = client.original.is_some() || client.has_login;
        if is_hop || self.messages.len() >= MAX_MESSAGES {
            return;
        }
        let message = Message {
            client: client.address,
            sender: None,
        };
        self.messages.insert(id.to_owned(), message);
    }

    /// Sendmail's one line for all of this. No line of its says that a message has left: most have within seconds, so those of
    /// long ago are given up.
    fn received(&mut self, id: &[u8], process: Option<u32>, client: &Client<'_>, sender: &[u8]) {
        if client.is_local {
            return;
        }
        self.day.messages += 1;
        if client.has_login || self.users.contains(&(process, client.address)) {
            return;
        }
        if self.messages.len() >= MAX_MESSAGES {
            self.messages.clear();
        }
        let message = Message {
            client: client.address,
            sender: domain(sender),
        };
        self.messages.insert(id.to_owned(), message);
        self.is_sendmail = true;
    }

    fn delivery(&mut self, delivery: &Delivery<'_>) {
        let original = delivery.original.and_then(domain);
        let recipients: Vec<Domain> = match original {
            Some(domain) => vec![domain],
            None => delivery.recipients().filter_map(domain).collect(),
        };
        if delivery.is_sent && is_of_this_host(delivery) {
            self.day.delivered.extend(recipients.iter().cloned());
        }
        let Some(Message {
            client: Some(client),
            sender: Some(sender),
        }) = self.messages.get(delivery.id)
        else {
            return;
        };
        let (client, sender) = (*client, sender.clone());
        let id: String = delivery.id.iter().copied().map(char::from).collect();
        // A mailer of Sendmail's host has no address; the recipient may be what an alias made of it: `to=joe, ... mailer=local`.
        let is_here = self.is_sendmail && delivery.is_sent && delivery.address().is_none();
        let here = is_here.then(|| HERE.parse().ok()).flatten();
        for recipient in here.map_or(recipients, |here| vec![here]) {
            self.seen(client, sender.clone(), recipient, &id);
        }
    }

    fn seen(&mut self, client: IpAddr, sender: Domain, recipient: Domain, id: &str) {
        let clients = &mut self.day.clients;
        if clients.len() >= MAX_CLIENTS && !clients.contains_key(&client) {
            return;
        }
        let pairs = clients.entry(client).or_default();
        if pairs.len() < MAX_PAIRS {
            pairs
                .entry((sender, recipient))
                .or_insert_with(|| id.to_owned());
        }
    }
}

fn domain(address: &[u8]) -> Option<Domain> {
    match Mailbox::from_bytes(address).host() {
        Host::Domain(domain) => Some(domain.clone()),
        _ => None,
    }
}

/// `local`, `virtual`, `dovecot` (a pipe), and sockets such as `host[private/dovecot-lmtp]`.
fn is_of_this_host(delivery: &Delivery<'_>) -> bool {
    let relay = delivery.relay;
    let is_host = relay.contains(&b'[') || relay.contains(&b'.');
    let is_service = !relay.is_empty() && relay != b"none" && !is_host;
    is_service || delivery.is_to_socket()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LOG: &str = "\
Nov 29 10:00:00 mx postfix/smtpd[1]: AAAAAA: client=mail.far.example[192.0.2.7]
Nov 29 10:00:00 mx postfix/cleanup[2]: AAAAAA: message-id=<1@far.example>
Nov 29 10:00:00 mx postfix/qmgr[3]: AAAAAA: from=<bob@far.example>, size=1, nrcpt=1 (queue active)
Nov 29 10:00:01 mx postfix/lmtp[4]: AAAAAA: to=<joe@box.example.org>, orig_to=<joe@example.org>, relay=mx[private/dovecot-lmtp], delay=1, status=sent (250)
Nov 29 10:00:01 mx postfix/qmgr[3]: AAAAAA: removed
2026-11-29T10:00:02.123456+00:00 mx postfix/submission/smtpd[5]: BBBBBB: client=unknown[10.0.0.9], sasl_method=PLAIN, sasl_username=joe
2026-11-29T10:00:02.123456+00:00 mx postfix/qmgr[3]: BBBBBB: from=<joe@example.org>, size=1, nrcpt=1 (queue active)
2026-11-29T10:00:02.123456+00:00 mx postfix/smtp[6]: BBBBBB: to=<bob@far.example>, relay=mail.far.example[192.0.2.7]:25, status=sent (250)
Nov 29 10:00:03 mx postfix/smtpd[1]: NOQUEUE: reject: RCPT from gw.example[10.0.0.1]: 550 5.1.1 <x@example.org>: no; from=<spam@junk.example> to=<x@example.org> proto=ESMTP helo=<gw>
Nov 29 10:00:04 mx postfix/smtpd[1]: CCCCCC: client=localhost[127.0.0.1], orig_queue_id=AAAAAA, orig_client=mail.far.example[192.0.2.7]
Nov 29 10:00:04 mx postfix/qmgr[3]: CCCCCC: from=<bob@far.example>, size=1, nrcpt=1 (queue active)
Nov 29 10:00:04 mx postfix/virtual[3]: CCCCCC: to=<joe@example.net>, relay=virtual, status=sent (delivered)
Nov 29 10:00:05 mx postfix/error[3]: DDDDDD: to=<joe@example.com>, relay=none, status=bounced (x)
";

    /// Client, domain of the sender, domain of the recipient, queue id.
    fn in_words(day: &Day) -> Vec<String> {
        let clients = day.clients.iter();
        let mut found: Vec<String> = clients
            .flat_map(|(client, pairs)| {
                pairs.iter().map(move |((sender, recipient), id)| {
                    format!("{client} {sender} {recipient} {id}")
                })
            })
            .collect();
        found.sort();
        found
    }

    #[test]
    fn clients_and_domains_are_read() {
        let mut reader = Reader::default();
        LOG.lines().for_each(|line| reader.line(line));
        assert!(!reader.messages.contains_key(&b"AAAAAA"[..]));
        let day = reader.day();
        assert_eq!(day.messages, 3);
        let delivered: Vec<_> = day.delivered.iter().map(Domain::as_str).collect();
        assert_eq!(delivered, ["example.net", "example.org"]);
        assert_eq!(
            in_words(&day),
            [
                "10.0.0.1 junk.example example.org refused",
                "192.0.2.7 far.example example.org AAAAAA"
            ]
        );
    }

    const SENDMAIL_LOG: &str = "\
Nov 30 10:00:00 mx sm-mta[11]: 5AUA000A000011: from=<bob@far.example>, size=5, class=0, nrcpts=2, msgid=<1@far.example>, proto=ESMTP, daemon=MTA-v4, relay=mail.far.example [192.0.2.7]
Nov 30 10:00:01 mx sm-mta[12]: 5AUA000A000011: to=<joe@example.org>,<ann@example.net>, delay=00:00:01, xdelay=00:00:00, mailer=local, pri=30301, dsn=2.0.0, stat=Sent
Nov 30 10:00:02 mx sm-mta[13]: 5AUA000A000013: from=<eve@list.example>, size=5, class=-30, nrcpts=1, proto=ESMTP, daemon=MTA-v6, relay=x.list.example [IPv6:2001:db8::7] (may be forged)
Nov 30 10:00:02 mx sm-mta[14]: 5AUA000A000013: to=joe, ctladdr=<info@example.org> (1000/1000), delay=00:00:01, mailer=local, stat=Sent
Nov 30 10:00:03 mx sm-mta[15]: AUTH=server, relay=pc.example [10.0.0.9], authid=joe, mech=PLAIN, bits=0
Nov 30 10:00:03 mx sm-mta[15]: 5AUA000A000015: from=<joe@elsewhere.example>, size=5, class=0, nrcpts=1, proto=ESMTP, daemon=MSP, relay=pc.example [10.0.0.9]
Nov 30 10:00:03 mx sm-mta[16]: 5AUA000A000015: to=<ann@example.org>, ctladdr=<joe@elsewhere.example> (1/1), delay=00:00:01, mailer=local, stat=Sent
Nov 30 10:00:04 mx sendmail[17]: 5AUA000A000017: from=root, size=5, class=0, nrcpts=1, relay=root@localhost
Nov 30 10:00:07 mx sm-mta[20]: 5AUA000A000020: from=<>, size=0, class=0, nrcpts=1, relay=[10.0.0.3]
Nov 30 10:00:07 mx sm-mta[20]: 5AUA000A000020: to=<joe@example.org>, delay=00:00:01, mailer=local, stat=Sent
Nov 30 10:00:08 mx sm-mta[21]: 5AUA000A000021: from=<a, relay=[10.9.9.9]@far.example>, size=5, class=0, nrcpts=2, relay=[198.51.100.7]
Nov 30 10:00:08 mx sm-mta[21]: 5AUA000A000021: to=<joe@inner.example>,<ann@other.example>, delay=00:00:01, mailer=esmtp, relay=in.example. [10.0.0.8], dsn=2.0.0, stat=Sent (ok)
";

    #[test]
    fn sendmail_is_read_as_well() {
        let mut reader = Reader::default();
        SENDMAIL_LOG.lines().for_each(|line| reader.line(line));
        let day = reader.day();
        assert_eq!(day.messages, 5);
        assert_eq!(
            in_words(&day),
            [
                "192.0.2.7 far.example localhost 5AUA000A000011",
                "198.51.100.7 far.example inner.example 5AUA000A000021",
                "198.51.100.7 far.example other.example 5AUA000A000021",
                "2001:db8::7 list.example localhost 5AUA000A000013",
            ]
        );
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic(line in "(Nov 29 10:00:00 mx |postfix/smtpd\\[1\\]: |AAAAAA: |client=|\\[|\\]|to=<|from=<|@|>|é|relay=|\\PC){0,12}") {
            let mut reader = Reader::default();
            reader.line(&line);
        }
    }
}
