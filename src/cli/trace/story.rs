//! What the lines of a log say of the messages that were asked for: first which they are, then all lines of them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::Serialize;

use super::{
    line::Line,
    mta::{MtaLine, is_address},
};
use crate::{
    core::{moment::rfc3339, verdict::reason_words},
    observe::{LoggedCheck, LoggedDecision},
};

/// The maximum number of messages: the newest.
const MAX_MESSAGES: usize = 50;
/// The maximum number of lines of one.
const MAX_LINES: usize = 200;

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A queue id, or our own id.
    Id(String),
    /// A Message-ID, without its angle brackets.
    MessageId(String),
    /// A sender or a recipient, or else a Message-ID without its angle brackets.
    Address(String),
}

impl Wanted {
    pub(super) fn of(text: &str) -> Self {
        let bare = text
            .strip_prefix('<')
            .and_then(|text| text.strip_suffix('>'));
        match bare {
            Some(message_id) => Self::MessageId(message_id.to_owned()),
            None if text.contains('@') => Self::Address(text.to_owned()),
            None => Self::Id(text.strip_prefix("id=").unwrap_or(text).to_owned()),
        }
    }

    fn is_in_decision(&self, decision: &LoggedDecision) -> bool {
        let is = |field: &str, wanted: &str| {
            let value = decision.field(field);
            value.is_some_and(|value| is_address(value, wanted))
        };
        match self {
            Self::Id(id) => {
                decision.field("id") == Some(id) || decision.field("queue_id") == Some(id)
            }
            Self::MessageId(_) => false,
            Self::Address(address) => is("mail_from", address) || is("rcpt", address),
        }
    }

    fn is_in_mta_line(&self, line: &MtaLine<'_>) -> bool {
        match self {
            Self::Id(id) => line.queue_id == Some(id),
            Self::MessageId(id) => line.has_message_id(id),
            Self::Address(address) => line.has_address(address) || line.has_message_id(address),
        }
    }
}

/// The name of a message: the queue id, our own id where it has none, or the line itself.
type Name = String;

/// The messages that are wanted.
#[derive(Debug)]
pub(super) struct Search {
    wanted: Wanted,
    /// The newest last.
    names: VecDeque<Name>,
    /// Of those that were too many.
    dropped: usize,
    /// The queue id of a message that has one, by our own id.
    queue_ids: BTreeMap<String, Name>,
    stories: BTreeMap<Name, Story>,
}

/// What became of a message.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Story {
    /// The MTA's name for it; none where it was refused before it got one.
    pub(super) queue_id: Option<String>,
    /// Our own names for it, and for other transactions with the same queue id.
    pub(super) ids: BTreeSet<String>,
    pub(super) events: Vec<Event>,
    /// Messages that came of it: bounces, and what a filter handed back.
    pub(super) leads_to: BTreeSet<String>,
    /// Lines that were too many.
    pub(super) omitted: usize,
}

/// One line about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Event {
    /// None where the log leaves out the year or the zone.
    pub(super) time: Option<String>,
    /// As the log has it.
    pub(super) logged: String,
    pub(super) program: String,
    pub(super) words: String,
    pub(super) line: String,
}

impl Search {
    pub(super) fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            names: VecDeque::new(),
            dropped: 0,
            queue_ids: BTreeMap::new(),
            stories: BTreeMap::new(),
        }
    }

    /// The first pass: whether this line names a message that is wanted.
    pub(super) fn look(&mut self, line: &Line) {
        if let Some(decision) = LoggedDecision::read(&line.text) {
            let name = name_of(&decision);
            if self.wanted.is_in_decision(&decision) {
                self.name(name.clone());
            }
            // What was checked stands before it, under this id.
            if let Some(id) = decision.field("id")
                && self.names.contains(&name)
            {
                self.queue_ids.insert(id.to_owned(), name);
            }
        } else if let Some(mta) = MtaLine::read(&line.program, &line.text)
            && self.wanted.is_in_mta_line(&mta)
        {
            self.name(mta.queue_id.unwrap_or(&line.text).to_owned());
        }
    }

    fn name(&mut self, name: Name) {
        // The lines of a message stand near each other.
        if self.names.iter().rev().any(|known| *known == name) {
            return;
        }
        self.names.push_back(name);
        if self.names.len() > MAX_MESSAGES
            && let Some(oldest) = self.names.pop_front()
        {
            self.queue_ids.retain(|_, name| *name != oldest);
            self.dropped += 1;
        }
    }

    /// How many older messages there are.
    pub(super) fn dropped(&self) -> usize {
        self.dropped
    }

    /// The second pass: adds the line to its message, if that is wanted.
    pub(super) fn tell(&mut self, line: &Line) {
        if let Some(decision) = LoggedDecision::read(&line.text) {
            let name = name_of(&decision);
            let Some(story) = self.story(&name) else {
                return;
            };
            story.ids.extend(decision.field("id").map(str::to_owned));
            story.queue_id = decision
                .field("queue_id")
                .map(str::to_owned)
                .or(story.queue_id.take());
            story.add(line, words(&decision));
        } else if let Some(check) = LoggedCheck::read(&line.text) {
            let name = self
                .queue_ids
                .get(check.id)
                .cloned()
                .unwrap_or(check.id.to_owned());
            if let Some(story) = self.story(&name) {
                story.add(line, format!("{}: {}", check.check, check.finding));
            }
        } else if let Some(mta) = MtaLine::read(&line.program, &line.text) {
            let name = mta.queue_id.unwrap_or(&line.text).to_owned();
            if let Some(story) = self.story(&name) {
                story.queue_id = mta.queue_id.map(str::to_owned).or(story.queue_id.take());
                story.leads_to.extend(mta.leads_to().map(str::to_owned));
                story.add(line, mta.words());
            }
        }
    }

    fn story(&mut self, name: &str) -> Option<&mut Story> {
        self.names
            .iter()
            .any(|wanted| wanted == name)
            .then(|| self.stories.entry(name.to_owned()).or_default())
    }

    /// What became of each, the oldest first.
    pub(super) fn stories(mut self) -> Vec<Story> {
        let names = self.names.into_iter();
        names
            .filter_map(|name| self.stories.remove(&name))
            .collect()
    }
}

fn name_of(decision: &LoggedDecision) -> Name {
    let named = decision.field("queue_id").or(decision.field("id"));
    named.unwrap_or_default().to_owned()
}

impl Story {
    fn add(&mut self, line: &Line, words: String) {
        // Two logs may have it.
        if self.events.iter().any(|event| event.line == line.text) {
            return;
        }
        if self.events.len() >= MAX_LINES {
            self.omitted += 1;
            return;
        }
        self.events.push(Event {
            time: line.time.map(rfc3339),
            logged: line.stamp.clone(),
            program: line.program.clone(),
            words,
            line: line.text.clone(),
        });
    }
}

/// A decision in words.
fn words(decision: &LoggedDecision) -> String {
    let field = |name| decision.field(name);
    let done = match field("verdict").unwrap_or_default() {
        "accept" => "accepted",
        "tag" => "accepted, with a header that says why it was noticed",
        "tempfail" => "refused for now (4xx), so an honest sender tries again",
        "reject" => "refused for good (5xx), so an honest sender gets a notice",
        "quarantine" => "accepted, and held in the queue of the MTA",
        "discard" => "dropped for this recipient, and nobody was told",
        other => other,
    };
    let reason = field("reason").unwrap_or_default();
    let because =
        reason_words(reason).map_or(reason.to_owned(), |words| format!("{words} ({reason})"));
    let mut words = format!(
        "from <{}> to <{}>, by {} ({}): {done}. Reason: {because}",
        field("mail_from").unwrap_or_default(),
        field("rcpt").unwrap_or_default(),
        field("client").unwrap_or("a client without an address"),
        field("helo").unwrap_or("no HELO"),
    );
    let more = [
        ("by", "entry of milter.yaml"),
        ("spf", "SPF"),
        ("kind", "kind of notification"),
        ("proof", "proof"),
        ("signed", "left with"),
        ("would", "without monitoring"),
    ];
    for (name, shown) in more {
        if let Some(value) = field(name) {
            words.push_str(&format!("; {shown}: {value}"));
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
2026-11-28T12:00:00Z mx postfix/smtpd[1]: connect from a[192.0.2.1]
2026-11-28T12:00:01Z mx postfix/smtpd[1]: 4dYA1: client=a[192.0.2.1]
2026-11-28T12:00:01Z mx postfix/cleanup[1]: 4dYA1: message-id=<1@a.example>
2026-11-28T12:00:02Z mx backstop[2]: id=1a queue_id=4dYA1 client=192.0.2.1 helo=a mail_from=<> rcpt=<joe@example.org> verdict=tag reason=unproven by=- spf=none spf_helo=none kind=dsn evidence=- batv=- proof=unproven signed=- no_dsn=- would=reject
2026-11-28T12:00:02Z mx postfix/qmgr[1]: 4dYA1: from=<>, size=9, nrcpt=1 (queue active)
2026-11-28T12:00:03Z mx postfix/local[1]: 4dYA1: to=<joe@example.org>, relay=local, status=sent (delivered to mailbox)
2026-11-28T12:00:03Z mx postfix/qmgr[1]: 4dYA1: removed
2026-11-28T12:00:04Z mx backstop[2]: id=1b queue_id=- client=192.0.2.9 helo=b mail_from=<x@b.example> rcpt=<joe@example.org> verdict=reject reason=spf_fail by=- spf=fail spf_helo=none kind=- evidence=- batv=- proof=- signed=- no_dsn=- would=-
2026-11-28T12:00:05Z mx postfix/smtpd[1]: NOQUEUE: reject: RCPT from c[192.0.2.3]: 550 5.1.1 no; from=<> to=<ann@example.org> proto=SMTP
2026-11-28T12:00:06Z mx postfix/pickup[1]: 4dYB2: uid=0 from=<root>
2026-11-28T12:00:06Z mx postfix/smtp[1]: 4dYB2: to=<far@c.example>, relay=none, status=bounced (no)
2026-11-28T12:00:06Z mx postfix/bounce[1]: 4dYB2: sender non-delivery notification: 4dYB3
";

    fn traced(wanted: &str) -> Vec<Story> {
        let mut search = Search::new(Wanted::of(wanted));
        // Two logs that have the same lines.
        let lines: Vec<_> = LOG
            .lines()
            .chain(LOG.lines())
            .filter_map(Line::read)
            .collect();
        lines.iter().for_each(|line| search.look(line));
        lines.iter().for_each(|line| search.tell(line));
        search.stories()
    }

    #[test]
    fn messages_are_found_by_each_of_their_names() {
        for (wanted, found) in [
            ("4dYA1", &[(Some("4dYA1"), 6)][..]),
            ("1a", &[(Some("4dYA1"), 6)]),
            ("id=1a", &[(Some("4dYA1"), 6)]),
            ("<1@a.example>", &[(Some("4dYA1"), 6)]),
            ("1@a.example", &[(Some("4dYA1"), 6)]),
            ("1b", &[(None, 1)]),
            ("JOE@example.org", &[(Some("4dYA1"), 6), (None, 1)]),
            ("ann@example.org", &[(None, 1)]),
            ("far@c.example", &[(Some("4dYB2"), 3)]),
            ("4dYZ9", &[]),
            ("nobody@example.org", &[]),
            ("<2@a.example>", &[]),
        ] {
            let stories = traced(wanted);
            let of = stories
                .iter()
                .map(|story| (story.queue_id.as_deref(), story.events.len()));
            assert_eq!(of.collect::<Vec<_>>(), found, "{wanted}");
        }
        let story = &traced("4dYA1")[0];
        assert_eq!(
            story.events[0].time.as_deref(),
            Some("2026-11-28T12:00:01Z")
        );
        assert_eq!(
            story.events[2].words,
            "from <> to <joe@example.org>, by 192.0.2.1 (a): accepted, with a header that says why it was noticed. Reason: \
             no proof that it returns mail of yours (unproven); SPF: none; kind of notification: dsn; proof: unproven; without monitoring: reject"
        );
        let leads: Vec<_> = traced("4dYB2")[0].leads_to.iter().cloned().collect();
        assert_eq!(leads, ["4dYB3"]);
    }

    #[test]
    fn a_flood_is_bounded() {
        let mut search = Search::new(Wanted::of("joe@example.org"));
        let line = |number: usize| {
            let text = format!(
                "2026-11-28T12:00:00Z mx postfix/local[1]: 4dYA{number}: to=<joe@example.org>, n={number}"
            );
            Line::read(&text).unwrap()
        };
        for number in 0..120 {
            search.look(&line(number));
        }
        assert_eq!(search.dropped(), 70);
        for number in 0..300 {
            let mut line = line(119);
            line.text.push_str(&number.to_string());
            search.tell(&line);
        }
        let stories = search.stories();
        assert_eq!(stories.len(), 1);
        assert_eq!((stories[0].events.len(), stories[0].omitted), (200, 100));
    }
}
