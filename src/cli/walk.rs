//! One message on its way through the policy, as the daemon has it: RCPT by RCPT, then DATA, its headers, its content.

use crate::{
    core::{
        envelope::Recipient,
        policy::{Addressed, Check, HeaderFacts, Judgement},
        verdict::Verdict,
    },
    engine::{Asked, Ending, LetIn, Message},
    mailstore::Body,
    observe::Warnings,
};

/// What became of a message.
pub(super) struct Walked {
    /// What became of each recipient, in order.
    pub(super) recipients: Vec<Walk>,
    /// What is done with the message at its end; none where it doesn't get there.
    pub(super) ending: Option<Ending>,
}

impl Walked {
    /// Who is to get the message.
    pub(super) fn let_in(&self) -> impl Iterator<Item = &Addressed> {
        let let_in = self.recipients.iter().filter(|walk| walk.verdict.lets_in());
        let_in.map(|walk| &walk.addressed)
    }
}

/// What became of one recipient.
pub(super) struct Walk {
    pub(super) addressed: Addressed,
    /// What was asked about it.
    pub(super) asked: Asked,
    /// The answer at RCPT.
    pub(super) at_rcpt: Judgement,
    /// What was found at each stage behind, as far as it was let in until then, and what stood after it. At DATA and for
    /// the content only where something was looked for.
    pub(super) at_data: Option<Judgement>,
    pub(super) at_headers: Option<Judgement>,
    pub(super) at_content: Option<Judgement>,
    /// What stands in the end.
    pub(super) verdict: Verdict,
}

/// What is known of a message besides its envelope.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) facts: &'a HeaderFacts,
    pub(super) body: &'a Body,
}

/// Walks a message with these recipients; to its end, where more of it is known. `id` is what X-Backstop calls it.
pub(super) async fn walk(
    message: &mut Message,
    recipients: Vec<Recipient>,
    seen: Option<Seen<'_>>,
    id: &str,
) -> Walked {
    let mut walks = Vec::with_capacity(recipients.len());
    for recipient in recipients {
        let addressed = message.addressed(recipient).await;
        let (at_rcpt, asked) = message.judge(&addressed).await;
        walks.push(Walk {
            addressed,
            asked,
            verdict: at_rcpt.verdict.clone(),
            at_rcpt,
            at_data: None,
            at_headers: None,
            at_content: None,
        });
    }
    let ending = behind_rcpt(message, &mut walks, seen, id).await;
    Walked {
        recipients: walks,
        ending,
    }
}

/// The stages behind RCPT, up to the first that refuses: after each, the MTA has one answer for all who were let in.
async fn behind_rcpt(
    message: &Message,
    walks: &mut [Walk],
    seen: Option<Seen<'_>>,
    id: &str,
) -> Option<Ending> {
    let mut reached: Vec<&mut Walk> = walks
        .iter_mut()
        .filter(|walk| walk.verdict.lets_in())
        .collect();
    let mut let_in: Vec<LetIn> = reached
        .iter()
        .map(|walk| LetIn {
            addressed: walk.addressed.clone(),
            path: walk.addressed.sent.mailbox.to_bytes(),
            parameters: Vec::new(),
            asked: walk.asked.clone(),
            verdict: walk.verdict.clone(),
        })
        .collect();
    let goes_on = |let_in: &[LetIn]| {
        !let_in.is_empty() && let_in.iter().all(|let_in| let_in.verdict.lets_in())
    };
    let warnings = Warnings::default();
    let found = message.at_data(&mut let_in, &warnings).await;
    note(&mut reached, &let_in, found, |walk, judgement| {
        walk.at_data = Some(judgement).filter(|judgement| !judgement.checks.is_empty());
    });
    let Seen { facts, body } = seen.filter(|_| goes_on(&let_in))?;
    let found = message.end_of_headers(&mut let_in, facts);
    note(&mut reached, &let_in, found, |walk, judgement| {
        walk.at_headers = Some(judgement);
    });
    if goes_on(&let_in) && message.needs_content(&let_in, facts) {
        let (octets, cut) = (body.octets(), body.is_cut());
        let found = message
            .end_of_content(&mut let_in, facts, octets, cut, &warnings)
            .await;
        note(&mut reached, &let_in, found, |walk, judgement| {
            walk.at_content = Some(judgement).filter(|judgement| !judgement.checks.is_empty());
        });
    }
    goes_on(&let_in).then(|| Ending::of(message, &let_in, Some(facts), id))
}

fn note(
    reached: &mut [&mut Walk],
    let_in: &[LetIn],
    found: Vec<Vec<Check>>,
    stage: impl Fn(&mut Walk, Judgement),
) {
    for ((walk, let_in), checks) in reached.iter_mut().zip(let_in).zip(found) {
        let verdict = let_in.verdict.clone();
        walk.verdict = verdict.clone();
        stage(walk, Judgement { verdict, checks });
    }
}
