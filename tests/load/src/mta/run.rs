//! The loop that serves all sessions.

use std::{
    io,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use lab::{
    milter::{
        Negotiated,
        wire::{self, command},
    },
    process::cpu_time,
};
use rustix::{
    buffer::spare_capacity,
    event::{Timespec, epoll},
    fd::OwnedFd,
};

use super::{
    Target,
    link::{At, Link, Serial},
    mail::Mail,
    outcome::Outcome,
    script::{Script, Step},
};

/// How long a filter may leave a message without an answer after the time is over.
const PATIENCE: Duration = Duration::from_secs(40);

/// A load for one filter.
#[derive(Debug, Clone, Copy)]
pub struct Load<'a> {
    /// The filter.
    pub target: &'a Target,
    /// What is sent, in turn. The client of a session is that of its first message.
    pub mails: &'a [Mail],
    /// How many sessions there are at a time.
    pub connections: usize,
    /// How many messages each session has before it quits and another takes its place.
    pub messages: usize,
    /// How many messages are begun in a second; `None`: as many as the filter can take.
    pub rate: Option<f64>,
}

impl Load<'_> {
    /// Sends messages for this time, and waits for the answers to those that were begun.
    ///
    /// # Errors
    /// The filter can't be reached, breaks the protocol, hangs up, or does not answer.
    pub fn run(&self, time: Duration) -> io::Result<Outcome> {
        let cpu = cpu_time();
        let mut sessions = Sessions::new(*self, time)?;
        sessions.serve()?;
        let mut outcome = sessions.outcome;
        outcome.time = sessions.start.elapsed();
        outcome.cpu = cpu_time().saturating_sub(cpu);
        Ok(outcome)
    }
}

/// A number that no other message of this run has, nor one of an earlier run within a day.
fn serial() -> Serial {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let started = SystemTime::now().duration_since(UNIX_EPOCH);
    let start = started.map_or(0, |time| time.as_secs() % 100_000 * 100_000);
    let _ = NEXT.compare_exchange(0, start.max(1), Ordering::Relaxed, Ordering::Relaxed);
    let mut number = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut digits = Serial::default();
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
    digits
}

struct Sessions<'a> {
    load: Load<'a>,
    time: Duration,
    epoll: OwnedFd,
    links: Vec<Option<Link>>,
    idle: Vec<usize>,
    scripts: Vec<Script>,
    begun: usize,
    chosen: usize,
    start: Instant,
    end: Instant,
    due: Option<Instant>,
    outcome: Outcome,
}

impl<'a> Sessions<'a> {
    fn new(load: Load<'a>, time: Duration) -> io::Result<Self> {
        let start = Instant::now();
        Ok(Self {
            load,
            time,
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            links: Vec::new(),
            idle: Vec::new(),
            scripts: Vec::new(),
            begun: 0,
            chosen: 0,
            start,
            end: start + time,
            due: load.rate.map(|_| start),
            outcome: Outcome::default(),
        })
    }

    fn serve(&mut self) -> io::Result<()> {
        for place in 0..self.load.connections {
            self.links.push(None);
            self.open(place)?;
        }
        let mut buffer = vec![0; 1 << 16];
        let mut events = Vec::with_capacity(256);
        loop {
            self.begin_due()?;
            if self.links.iter().all(Option::is_none) {
                return Ok(());
            }
            events.clear();
            let wait = timespec(self.wait()?);
            match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&wait)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in &events {
                let place = usize::try_from(event.data.u64()).map_err(io::Error::other)?;
                self.ready(place, &mut buffer)?;
            }
        }
    }

    /// How long nothing has to be done but to read.
    fn wait(&self) -> io::Result<Duration> {
        let now = Instant::now();
        if now > self.end + PATIENCE {
            return Err(io::Error::other(format!(
                "{} messages have no answer after {} s",
                self.links.iter().flatten().count(),
                PATIENCE.as_secs()
            )));
        }
        let until = match self.due {
            _ if now >= self.end => self.end + PATIENCE,
            Some(due) if !self.idle.is_empty() => due.min(self.end),
            _ => self.end,
        };
        Ok(until.saturating_duration_since(now) + Duration::from_micros(1))
    }

    /// Begins the messages whose time has come, where there is a session for them; ends idle sessions at the end.
    fn begin_due(&mut self) -> io::Result<()> {
        if Instant::now() >= self.end {
            while let Some(place) = self.idle.pop() {
                self.close(place)?;
            }
            return Ok(());
        }
        while let (Some(rate), Some(due)) = (self.load.rate, self.due) {
            if due > Instant::now() {
                break;
            }
            let Some(place) = self.idle.pop() else { break };
            let next = super::outcome::count(self.begun as u64 + 1) / rate;
            self.due = Some(self.start + Duration::from_secs_f64(next));
            if let Some(link) = self.links.get_mut(place).and_then(Option::as_mut) {
                link.began = due;
            }
            self.begin(place)?;
        }
        Ok(())
    }

    fn open(&mut self, place: usize) -> io::Result<()> {
        let mut link = Link::open(self.load.target, self.load.messages)?;
        link.mail = self.next_mail();
        let offer = [wire::VERSION, wire::ALL_ACTIONS, wire::step::ALL];
        link.say(command::NEGOTIATE, &offer.map(u32::to_be_bytes).concat())?;
        epoll::add(
            &self.epoll,
            &link,
            epoll::EventData::new_u64(place as u64),
            epoll::EventFlags::IN,
        )?;
        link.flush()?;
        if let Some(slot) = self.links.get_mut(place) {
            *slot = Some(link);
        }
        Ok(())
    }

    /// The time runs from now on: what it takes to make thousands of messages ready is not the filter's.
    fn begin_clock(&mut self) {
        let now = Instant::now();
        self.start = now;
        self.end = now + self.time;
        self.due = self.load.rate.map(|_| now);
        for link in self.links.iter_mut().flatten() {
            link.began = now;
        }
    }

    fn next_mail(&mut self) -> usize {
        let mail = self.chosen % self.load.mails.len().max(1);
        self.chosen += 1;
        mail
    }

    fn close(&mut self, place: usize) -> io::Result<()> {
        if let Some(mut link) = self.links.get_mut(place).and_then(Option::take) {
            link.say(command::ABORT, &[])?;
            link.say(command::QUIT, &[])?;
            link.flush()?;
        }
        Ok(())
    }

    fn ready(&mut self, place: usize, buffer: &mut [u8]) -> io::Result<()> {
        let Some(link) = self.links.get_mut(place).and_then(Option::as_mut) else {
            return Ok(());
        };
        if link.is_stuck {
            link.flush()?;
            if !link.is_stuck {
                self.watch(place, epoll::EventFlags::IN)?;
            }
        }
        let Some(link) = self.links.get_mut(place).and_then(Option::as_mut) else {
            return Ok(());
        };
        if !link.fill(buffer)? {
            return Err(io::Error::other(format!(
                "the filter hangs up at {:?}",
                link.at
            )));
        }
        while let Some(link) = self.links.get_mut(place).and_then(Option::as_mut) {
            let at = link.at;
            let Some((kind, data)) = link.packet() else {
                break;
            };
            let digit = data.first().copied();
            match (at, kind) {
                (_, b'p') => {}
                (At::Negotiation, command::NEGOTIATE) => {
                    if self.scripts.is_empty() {
                        let agreed = Negotiated::parse(data)?;
                        let scripts = self.load.mails.iter();
                        let scripts = scripts.map(|mail| Script::new(mail, &agreed));
                        self.scripts = scripts.collect::<io::Result<_>>()?;
                        self.begin_clock();
                    }
                    self.session(place, 0)?;
                }
                (At::Session(step), b'c') => self.session(place, step + 1)?,
                (At::Message(step), _) => self.answered(place, step, kind, digit)?,
                _ => {
                    return Err(io::Error::other(format!(
                        "the filter says {:?} at {at:?}",
                        char::from(kind)
                    )));
                }
            }
        }
        Ok(())
    }

    /// Goes on with the session from this step.
    fn session(&mut self, place: usize, from: usize) -> io::Result<()> {
        let Some(link) = self.links.get_mut(place).and_then(Option::as_mut) else {
            return Ok(());
        };
        let steps = self.scripts.get(link.mail);
        let steps = steps.map(|script| &*script.session);
        match add(link, steps.unwrap_or_default(), from)? {
            Some(step) => {
                link.at = At::Session(step);
                self.flush(place)
            }
            None => self.next(place),
        }
    }

    /// The session is ready for a message, and has one left.
    fn next(&mut self, place: usize) -> io::Result<()> {
        if self.load.rate.is_none() {
            return self.begin(place);
        }
        if let Some(link) = self.links.get_mut(place).and_then(Option::as_mut) {
            link.at = At::Idle;
            self.idle.push(place);
        }
        Ok(())
    }

    fn begin(&mut self, place: usize) -> io::Result<()> {
        let Some(link) = self.links.get_mut(place).and_then(Option::as_mut) else {
            return Ok(());
        };
        link.serial = serial();
        link.recipients = 0;
        link.left = link.left.saturating_sub(1);
        self.begun += 1;
        self.message(place, 0)
    }

    /// Goes on with the message from this step.
    fn message(&mut self, place: usize, from: usize) -> io::Result<()> {
        let Some(link) = self.links.get_mut(place).and_then(Option::as_mut) else {
            return Ok(());
        };
        let script = self.scripts.get(link.mail);
        let steps = script.map_or(&[][..], |script| &script.message);
        if let Some(step) = add(link, steps, from)? {
            link.at = At::Message(step);
        }
        self.flush(place)
    }

    /// What the filter said to a step of a message; for a reply with a text, its first digit.
    fn answered(
        &mut self,
        place: usize,
        step: usize,
        kind: u8,
        digit: Option<u8>,
    ) -> io::Result<()> {
        let Some(link) = self.links.get_mut(place).and_then(Option::as_mut) else {
            return Ok(());
        };
        let script = self.scripts.get(link.mail);
        let steps = script.map_or(&[][..], |script| &script.message);
        let command = steps.get(step).map(|step| step.command);
        let next = steps.get(step + 1).map(|step| step.command);
        let last = steps.len().saturating_sub(1);
        let outcome = &mut self.outcome;
        match (command, kind) {
            (
                Some(command::END_OF_MESSAGE),
                b'h' | b'i' | b'm' | b'+' | b'2' | b'-' | b'e' | b'q',
            ) => {
                outcome.changes += 1;
                return Ok(());
            }
            (Some(command::END_OF_MESSAGE), b'c' | b'a') => outcome.accepted += 1,
            (Some(command::RCPT), b'c') => {
                link.recipients += 1;
                return self.message(place, step + 1);
            }
            (_, b'c') => return self.message(place, step + 1),
            (Some(command::BODY), b's') => return self.message(place, last),
            (_, b'a' | b'd') => outcome.accepted += 1,
            (Some(command::RCPT), b'r' | b't' | b'y')
                if link.recipients > 0 || next == Some(command::RCPT) =>
            {
                return self.message(place, step + 1);
            }
            (_, b'r') => outcome.refused += 1,
            (_, b'y') if digit == Some(b'5') => outcome.refused += 1,
            (_, b't' | b'y') => outcome.deferred += 1,
            _ => {
                return Err(io::Error::other(format!(
                    "the filter says {:?} to {:?}",
                    char::from(kind),
                    command.map(char::from)
                )));
            }
        }
        // Postfix says so after every message.
        link.say(command::ABORT, &[])?;
        self.ended(place)
    }

    /// A message has its last answer.
    fn ended(&mut self, place: usize) -> io::Result<()> {
        let Some(link) = self.links.get_mut(place).and_then(Option::as_mut) else {
            return Ok(());
        };
        let now = Instant::now();
        let took = now.saturating_duration_since(link.began).as_micros();
        let took = u32::try_from(took).unwrap_or(u32::MAX);
        self.outcome.latencies.push(took);
        link.began = now;
        let is_over = now >= self.end;
        if is_over || link.left == 0 {
            self.close(place)?;
        }
        let mail = self.next_mail();
        match self.links.get_mut(place) {
            Some(Some(link)) => {
                link.mail = mail;
                self.next(place)
            }
            _ if is_over => Ok(()),
            _ => self.open(place),
        }
    }

    fn flush(&mut self, place: usize) -> io::Result<()> {
        let Some(link) = self.links.get_mut(place).and_then(Option::as_mut) else {
            return Ok(());
        };
        link.flush()?;
        if link.is_stuck {
            self.watch(place, epoll::EventFlags::IN | epoll::EventFlags::OUT)?;
        }
        Ok(())
    }

    fn watch(&self, place: usize, flags: epoll::EventFlags) -> io::Result<()> {
        if let Some(Some(link)) = self.links.get(place) {
            epoll::modify(
                &self.epoll,
                link,
                epoll::EventData::new_u64(place as u64),
                flags,
            )?;
        }
        Ok(())
    }
}

/// Adds steps up to the first that is answered, and says which one that is.
fn add(link: &mut Link, steps: &[Step], from: usize) -> io::Result<Option<usize>> {
    for (place, step) in steps.iter().enumerate().skip(from) {
        link.add(step);
        if step.is_answered {
            return Ok(Some(place));
        }
        if step.is_written {
            link.flush()?;
        }
    }
    Ok(None)
}

fn timespec(time: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: time.subsec_nanos().into(),
    }
}
