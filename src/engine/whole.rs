//! A message that is known as a whole, on its way through all stages: for `explain`, `replay` and tests.

use super::{Allowed, Engine};
use crate::{
    core::{
        envelope::Recipient,
        header::Headers,
        message::{End, Guess, Judged, Message, Negotiated, RcptTo},
        policy::{Check, Judgement},
    },
    observe::Warnings,
};

/// What comes behind RCPT.
#[derive(Clone, Copy, Debug)]
pub struct Mail<'a> {
    /// The headers.
    pub headers: &'a Headers,
    /// The body: all of it where a signature of its author's may decide, else at least as much as the policy reads.
    pub body: &'a [u8],
}

/// What became of a message.
#[derive(Debug)]
pub struct Whole {
    /// What became of each recipient, in order.
    pub recipients: Vec<Course>,
    /// What is done with the message at its end; none where it does not get there.
    pub end: Option<End>,
}

/// What became of one recipient.
#[derive(Debug)]
pub struct Course {
    /// The answer at RCPT.
    pub rcpt: Judged,
    /// What was found at each stage behind, as far as the recipient was accepted until then, and what stood after it. At
    /// DATA and for the content only where something was looked for.
    pub data: Option<Judgement>,
    /// At the end of the headers.
    pub headers: Option<Judgement>,
    /// At the end of the content.
    pub content: Option<Judgement>,
    /// At the end of the message.
    pub end: Option<Judgement>,
}

impl Course {
    /// What stands in the end.
    pub fn last(&self) -> &Judgement {
        let stages = [&self.end, &self.content, &self.headers, &self.data];
        let mut reached = stages.into_iter().flatten();
        reached.next().unwrap_or(&self.rcpt.judgement)
    }
}

/// Takes a message with these recipients through all stages; to its end, where more of it is known than its envelope. What
/// it leaves behind is not carried out, but for the wrong tags, which count for the recipients after.
pub async fn whole(
    engine: &Engine,
    message: &mut Message,
    allowed: Allowed,
    recipients: &[Recipient],
    mail: Option<Mail<'_>>,
) -> Whole {
    let warnings = Warnings::default();
    let count = |guesses: Vec<Guess>| {
        guesses
            .iter()
            .for_each(|guess| engine.guesses.count(guess, &warnings))
    };
    let mut courses = Vec::with_capacity(recipients.len());
    for recipient in recipients {
        let rcpt = RcptTo {
            path: recipient.mailbox.to_bytes(),
            parameters: Vec::new(),
            recipient: recipient.clone(),
        };
        let stage = |message: &mut Message, now| message.rcpt(&rcpt, now);
        courses.push(Course {
            rcpt: engine.decide(message, allowed, &warnings, stage).await,
            data: None,
            headers: None,
            content: None,
            end: None,
        });
    }
    let goes_on = |message: &Message| !message.accepted().is_empty() && message.refusal().is_none();
    let mut end = None;
    if !message.accepted().is_empty() {
        let judged = engine
            .decide(message, allowed, &warnings, Message::data)
            .await;
        note(&mut courses, message, judged, |course, found| {
            course.data = said(found)
        });
    }
    if let Some(Mail { headers, body }) = mail.filter(|_| goes_on(message)) {
        for header in headers.iter() {
            message.header(header.name(), header.value());
        }
        let stage = |message: &mut Message, now| message.end_of_headers(true, now);
        let (judged, guesses) = engine.decide(message, allowed, &warnings, stage).await;
        count(guesses);
        note(&mut courses, message, judged, |course, found| {
            course.headers = Some(found)
        });
        if message.reads_content() {
            message.body(body);
            let stage = Message::end_of_content;
            let (judged, guesses) = engine.decide(message, allowed, &warnings, stage).await;
            count(guesses);
            note(&mut courses, message, judged, |course, found| {
                course.content = said(found)
            });
        }
        if goes_on(message) {
            let stage = |message: &mut Message, now| message.end(Negotiated::ALL, now);
            let ended = engine.decide(message, allowed, &warnings, stage).await;
            let checks = ended.checks.clone();
            note(&mut courses, message, checks, |course, found| {
                course.end = said(found)
            });
            end = Some(ended);
        }
    }
    Whole {
        recipients: courses,
        end,
    }
}

/// Where something was looked for.
fn said(judgement: Judgement) -> Option<Judgement> {
    Some(judgement).filter(|judgement| !judgement.checks.is_empty())
}

fn note(
    courses: &mut [Course],
    message: &Message,
    found: Vec<Vec<Check>>,
    stage: impl Fn(&mut Course, Judgement),
) {
    let reached = courses.iter_mut().filter(|course| course.rcpt.is_kept);
    let accepted = message.accepted().iter().zip(found);
    for (course, (accepted, checks)) in reached.zip(accepted) {
        let verdict = accepted.verdict.clone();
        stage(course, Judgement { verdict, checks });
    }
}
