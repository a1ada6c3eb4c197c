//! One message on its way through the policy, as the daemon has it: RCPT by RCPT, then its headers, then its end.

use crate::{
    core::{
        envelope::Recipient,
        policy::{Addressed, Check, HeaderFacts, Judgement},
        verdict::Verdict,
    },
    filter::{Ending, LetIn, Message},
};

/// What became of a message.
pub(super) struct Walked {
    /// What became of each recipient, in order.
    pub(super) recipients: Vec<Walk>,
    /// What is done with the message at its end; none where it doesn't get there.
    pub(super) ending: Option<Ending>,
}

/// What became of one recipient.
pub(super) struct Walk {
    pub(super) addressed: Addressed,
    /// The answer at RCPT.
    pub(super) at_rcpt: Judgement,
    /// What was found at the end of the headers, where it was let in until then.
    pub(super) at_headers: Option<Vec<Check>>,
    /// What stands in the end.
    pub(super) verdict: Verdict,
}

/// Walks a message with these recipients; to its end, where its headers are known. `id` is what X-Backstop calls it.
pub(super) async fn walk(
    message: &mut Message,
    recipients: Vec<Recipient>,
    facts: Option<&HeaderFacts>,
    id: &str,
) -> Walked {
    let mut walks = Vec::with_capacity(recipients.len());
    for recipient in recipients {
        let addressed = message.addressed(recipient);
        let at_rcpt = message.judge(&addressed).await;
        walks.push(Walk {
            addressed,
            verdict: at_rcpt.verdict.clone(),
            at_rcpt,
            at_headers: None,
        });
    }
    let ending = facts.and_then(|facts| headers(message, &mut walks, facts, id));
    Walked {
        recipients: walks,
        ending,
    }
}

fn headers(message: &Message, walks: &mut [Walk], facts: &HeaderFacts, id: &str) -> Option<Ending> {
    let let_in = || walks.iter().filter(|walk| walk.verdict.lets_in());
    let mut let_in: Vec<LetIn> = let_in()
        .map(|walk| LetIn {
            addressed: walk.addressed.clone(),
            path: walk.addressed.sent.mailbox.to_bytes(),
            parameters: Vec::new(),
            verdict: walk.verdict.clone(),
        })
        .collect();
    let found = message.end_of_headers(&mut let_in, facts);
    let reached = walks.iter_mut().filter(|walk| walk.verdict.lets_in());
    for ((walk, let_in), checks) in reached.zip(&let_in).zip(found) {
        walk.verdict = let_in.verdict.clone();
        walk.at_headers = Some(checks);
    }
    let delivered = !let_in.is_empty() && let_in.iter().all(|let_in| let_in.verdict.lets_in());
    delivered.then(|| Ending::of(message, &let_in, Some(facts), id))
}
