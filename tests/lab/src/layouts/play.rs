//! Plays the acts, layouts side by side, and compares what came of them when all is over.

use std::{io, sync::Mutex, thread, time::Instant};

use super::{
    Report,
    acts::message,
    answers::{Row, Sends, table},
    check::{Decisions, counts, wrong},
    layout::Layout,
    mta::Who,
    world::World,
};
use crate::{
    mta::PATIENCE,
    process::wait_until,
    smtp::{Client, Reply},
};

/// How many layouts are played at a time.
const AT_A_TIME: usize = 8;
/// Who of our users writes.
const SENDERS: [&str; 3] = ["joe", "team", "ann-lee"];
/// A host of ours, which nothing but SPF and its name in `local.domains` says.
const OTHER_HOST: Who = Who::Stranger(201);
/// Who gets our users' mail, and who can't.
const FAR: &str = "friend.example";
const GONE: &str = "gone.example";

/// What was seen of one recipient of an act.
pub(super) struct Seen {
    /// Where, for people.
    pub(super) place: String,
    pub(super) expected: String,
    pub(super) codes: String,
    /// What the client called itself, which no other did.
    pub(super) helo: String,
    pub(super) rcpt: String,
    /// How often the act had this recipient before.
    pub(super) before: usize,
    /// The mailboxes that must have the message, and its Message-ID.
    pub(super) boxes: Vec<String>,
    pub(super) id: String,
}

pub(super) fn play(world: &World) -> io::Result<Report> {
    // Taken from the end: those that wait for the next hop come first.
    let layouts: Vec<_> = world.site.layouts().into_iter().enumerate().collect();
    let (left, seen) = (Mutex::new(layouts), Mutex::new(Vec::new()));
    let rows = table();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_A_TIME)
            .map(|_| {
                scope.spawn(|| {
                    loop {
                        let next = left.lock().expect("no worker panics").pop();
                        let Some((number, layout)) = next else {
                            return io::Result::Ok(());
                        };
                        let actor = Actor::new(world, layout, number)?;
                        let one = actor.play(&rows)?;
                        seen.lock().expect("no worker panics").extend(one);
                    }
                })
            })
            .collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().expect("no worker panics"))
    })?;
    let seen = seen.into_inner().expect("no worker panics");
    let mut report = Report {
        cells: seen.len(),
        wrong: Vec::new(),
    };
    let limit = Instant::now() + PATIENCE;
    let mut decisions = Decisions::read(world);
    for seen in &seen {
        report
            .wrong
            .extend(wrong(world, &mut decisions, seen, limit)?);
    }
    report.wrong.extend(counts(world)?);
    Ok(report)
}

/// Who plays in one layout.
struct Actor<'a> {
    world: &'a World,
    layout: Layout,
    number: usize,
    /// The addresses that mail of [`SENDERS`] left with.
    tags: Vec<String>,
}

impl<'a> Actor<'a> {
    fn new(world: &'a World, layout: Layout, number: usize) -> io::Result<Self> {
        let mut actor = Self {
            world,
            layout,
            number,
            tags: Vec::new(),
        };
        for user in SENDERS {
            let tag = actor.tag_of(user)?;
            actor.tags.push(tag);
        }
        Ok(actor)
    }

    fn play(&self, rows: &[Row]) -> io::Result<Vec<Seen>> {
        let mut seen = vec![self.bounced_by_our_own_mta()?];
        for (act, row) in rows.iter().enumerate() {
            if row.is_played_in(&self.layout, self.world.site) {
                seen.extend(self.act(act, row)?);
            }
        }
        Ok(seen)
    }

    /// The Message-ID of a message of ours.
    fn sent_id(&self, user: &str) -> String {
        format!("{user}.{}@{}", self.number, self.layout.domain())
    }

    /// Sends a message of the user's, and gives the envelope sender that it arrives with.
    fn tag_of(&self, user: &str) -> io::Result<String> {
        let far = format!("{user}{}@{FAR}", self.number);
        self.send(user, &far, &self.sent_id(user))?;
        self.world.mta.sender_of_mail_to(&far)
    }

    fn send(&self, user: &str, to: &str, id: &str) -> io::Result<()> {
        let from = format!("{user}@{}", self.layout.domain());
        let mut client = self.session(Who::User, &format!("pc{}.example", self.number))?;
        let text = format!("From: {from}\r\nTo: {to}\r\nMessage-ID: <{id}>\r\n\r\nHello.\r\n");
        let reply = client.message(&from, to, text.as_bytes())?;
        client.quit()?;
        match reply.is_positive() {
            true => Ok(()),
            false => Err(io::Error::other(format!("{from} to {to}: {reply:?}"))),
        }
    }

    /// Mail that our own MTA can't deliver comes back to who sent it; and the same bounce once more, as it comes where the MTA
    /// that sends is another host than the one that receives.
    fn bounced_by_our_own_mta(&self) -> io::Result<Seen> {
        let mta = &self.world.mta;
        let id = format!("gone.{}@{}", self.number, self.layout.domain());
        self.send("joe", &format!("joe{}@{GONE}", self.number), &id)?;
        let boxes = self.layout.boxes("joe", self.world.site);
        let mut bounces = Vec::new();
        let arrived = wait_until(PATIENCE, || {
            bounces = mta.copies(&boxes[0], &id)?;
            Ok(!bounces.is_empty())
        });
        let [bounce] = bounces.as_slice() else {
            let log = mta.log_of(&id);
            let error = format!("{}: {arrived:?}, {bounces:?}\n{log}", self.layout);
            return Err(io::Error::other(error));
        };
        let helo = format!("mx{}.local.test", self.number);
        let rcpt = format!("joe@{}", self.layout.domain());
        let bounce = bounce.replace("\r\n", "\n").replace('\n', "\r\n");
        let mut client = self.session(OTHER_HOST, &helo)?;
        let reply = client.message("", &rcpt, bounce.as_bytes())?;
        client.quit()?;
        Ok(Seen {
            place: format!("{}: a bounce of our own MTA", self.layout),
            expected: "250 2.1.5 accept ledger".to_owned(),
            codes: codes(&reply),
            // The Received line tells it from the one that came first.
            id: helo.clone(),
            helo,
            rcpt,
            before: 0,
            boxes,
        })
    }

    fn session(&self, who: Who, helo: &str) -> io::Result<Client> {
        let mut client = self.world.mta.connect(self.layout.service, who)?;
        client.ehlo(helo)?;
        Ok(client)
    }

    fn act(&self, act: usize, row: &Row) -> io::Result<Vec<Seen>> {
        let helo = format!("act{act}-{}.helo.example", self.number);
        let number = u8::try_from(self.number).unwrap_or(u8::MAX);
        let mut client = self.session(Who::Stranger(number), &helo)?;
        let from = match row.from.strip_suffix('@') {
            Some(local) => format!("{local}@{}", self.layout.domain()),
            None => row.from.clone(),
        };
        let utf8 = !row
            .to
            .iter()
            .chain([&from])
            .all(|address| address.is_ascii());
        let utf8 = if utf8 { " SMTPUTF8" } else { "" };
        let reply = client.command(format!("MAIL FROM:<{from}>{utf8}").as_bytes())?;
        if !reply.is_positive() {
            return Err(io::Error::other(format!("MAIL FROM:<{from}>: {reply:?}")));
        }
        let mut seen = Vec::new();
        let answers = row.answers(&self.layout);
        for (to, expected) in row.to.iter().zip(answers) {
            let rcpt = self.address(to);
            let reply = client.rcpt(&rcpt)?;
            let accepted = reply.is_positive() && row.sends != Sends::Nothing;
            let plain = to.replace("*news", &format!("{}news", self.world.site.delimiter()));
            let plain = plain.split('*').next().unwrap_or_default();
            seen.push(Seen {
                place: format!("{}: {} ({to})", self.layout, row.act),
                expected: expected.clone(),
                codes: codes(&reply),
                helo: helo.clone(),
                before: seen.iter().filter(|seen: &&Seen| seen.rcpt == rcpt).count(),
                rcpt,
                boxes: if accepted {
                    self.layout.boxes(plain, self.world.site)
                } else {
                    Vec::new()
                },
                id: format!("act{act}.{}@dialogue.example", self.number),
            });
        }
        let accepted = seen.iter_mut().find(|seen| !seen.boxes.is_empty());
        if let Some(one) = accepted {
            let returned = match row.sends {
                Sends::Returned => self.sent_id("joe"),
                _ => "1@elsewhere.example".to_owned(),
            };
            let failed = format!("joe{}@{FAR}", self.number);
            let reply = client.data(&message(row.sends, &one.id, &one.rcpt, &returned, &failed))?;
            if !reply.is_positive() {
                one.codes = codes(&reply);
                one.boxes.clear();
            }
        }
        client.quit()?;
        Ok(seen)
    }

    fn address(&self, to: &str) -> String {
        let domain = self.layout.domain();
        let delimiter = self.world.site.delimiter();
        if to.contains('@') {
            return to.to_owned();
        }
        let Some((user, what)) = to.split_once('*') else {
            return format!("{to}@{domain}");
        };
        let tagged = SENDERS.iter().position(|sender| *sender == user);
        let tagged = tagged.map_or("", |at| &self.tags[at]);
        let at = tagged.find("prvs=").map(|at| at + "prvs=".len());
        let Some(tag) = at.and_then(|at| tagged.get(at..at + 10)) else {
            return match what {
                "tag" => tagged.to_owned(),
                _ => format!("{user}{delimiter}{what}@{domain}"),
            };
        };
        match what {
            "tag" => tagged.to_owned(),
            "front" => format!("prvs={tag}={user}@{domain}"),
            "behind" => format!("{user}{delimiter}prvs={tag}@{domain}"),
            "wrong" => {
                let digit = if tag.ends_with('0') { "1" } else { "0" };
                tagged.replace(tag, &format!("{}{digit}", &tag[..9]))
            }
            extension => format!("{user}{delimiter}{extension}@{domain}"),
        }
    }
}

fn codes(reply: &Reply) -> String {
    let enhanced = reply.enhanced.as_deref().unwrap_or_default();
    match (reply.code, enhanced) {
        // The answer to RCPT, whether DATA came after it or not.
        (250, "2.0.0") => "250 2.1.5".to_owned(),
        (code, enhanced) => format!("{code} {enhanced}"),
    }
}
