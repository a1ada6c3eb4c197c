//! The checks at the end of the headers, in order; and how the answers to several recipients become one answer to
//! the message.

use std::ops::ControlFlow::{self, Break, Continue};

use super::{Case, Policy, from::Claim, walk::Walk};
use crate::core::{
    address::ReversePath,
    from_header::Claims,
    header::Headers,
    header_rules::{HeaderRule, Matches},
    notification::{Notification, NotificationEvidence},
    printable::printable,
    trace_header::Forgeries,
    verdict::{Action, Entry, Reason, Rule, Verdict},
};

/// How much of a header's value is shown, in octets.
const LONGEST_SHOWN: usize = 60;

/// What the headers of a message say.
#[derive(Clone, Debug)]
pub struct HeaderFacts {
    /// The headers.
    pub headers: Headers,
    /// What kind of notification it is, if any.
    pub notification: Option<Notification>,
    /// Where it has the null sender, and is no notification: what speaks for one, and is in newsletters, too.
    pub weak_signs: Vec<NotificationEvidence>,
    /// Whom From: claims it to be from.
    pub claims: Claims,
    /// Headers that only we may write.
    pub forgeries: Forgeries,
    /// Whether the MTA hands over the content.
    pub content_comes: bool,
}

impl HeaderFacts {
    /// What these headers say, below this MAIL FROM.
    pub fn of(reverse_path: &ReversePath, headers: Headers, forgeries: Forgeries) -> Self {
        let claims = Claims::of(&headers);
        let notification = Notification::recognise_by(reverse_path, &headers, &claims);
        let weak_signs = match &notification {
            Some(_) => Vec::new(),
            None => Notification::weak_signs(reverse_path, &headers),
        };
        Self {
            notification,
            weak_signs,
            claims,
            headers,
            forgeries,
            content_comes: true,
        }
    }
}

impl Policy {
    pub(super) fn at_eoh(
        &self,
        case: &Case<'_>,
        facts: &HeaderFacts,
        matches: &Matches<'_>,
        claim: Option<&Claim>,
        walk: &mut Walk,
    ) -> ControlFlow<Verdict> {
        if let Some(why) = self.outgoing(case.envelope) {
            return Break(Verdict::accept(Reason::Outgoing(why)));
        }
        if facts.forgeries.too_many() {
            // Nobody writes a thousand of our headers in good faith. So nobody is exempt either: a stranger would only have
            // to name postmaster as well.
            let finding = "more headers than can be taken out claim to be ours";
            let rule = Rule::new(Action::Tempfail);
            walk.apply("headers", finding, rule, Reason::ForgedHeaders)?;
        }
        if let Some(why) = self.exemption(case, walk) {
            return Break(self.exempted(case, why));
        }
        if facts.headers.is_cut() {
            walk.note("headers", "too many or too long: only a part is read");
        }
        match &facts.notification {
            Some(notification) => walk.note("notification", notification),
            None => walk.note("notification", "it is none"),
        }
        let notification = facts.notification.as_ref();
        self.tag_without_content(case, facts, walk)?;
        self.unannounced(case, facts, walk)?;
        if case.is_proven_by_headers(notification) {
            self.proven_by_tag(walk);
        } else {
            if self.content_may_prove(case) && !self.content_decides(case, facts) {
                self.besieged_listed(case, None, walk)?;
            }
            self.daemon_like(case, facts, walk)?;
        }
        self.header_from(case, claim, walk)?;
        self.header_rules(case, matches, walk)
    }

    /// A bounce that comes with a sender (mailer-daemon@, say) is answered as one that comes without.
    fn daemon_like(
        &self,
        case: &Case<'_>,
        facts: &HeaderFacts,
        walk: &mut Walk,
    ) -> ControlFlow<Verdict> {
        let is_bounce = facts
            .notification
            .as_ref()
            .is_some_and(Notification::is_bounce);
        if !is_bounce || case.envelope.reverse_path.is_null() {
            return Continue(());
        }
        self.left_to_srs(case, walk);
        self.never_send(case, true, walk)?;
        self.recipient_class(case, true, walk)
    }

    fn header_rules(
        &self,
        case: &Case<'_>,
        matches: &Matches<'_>,
        walk: &mut Walk,
    ) -> ControlFlow<Verdict> {
        for (index, value) in matches.found() {
            let Some(rule) = self.headers.get(*index).filter(|rule| is_for(rule, case)) else {
                continue;
            };
            let name = rule.header.as_str();
            let shown = printable(value.as_bytes(), LONGEST_SHOWN);
            let finding = format!("rule {} matches {name}: {shown}", index + 1);
            let text = rule.text.as_ref().map(ToString::to_string);
            let number = index + 1;
            let by = Some(Entry::new("headers", format_args!("{number}:{name}")));
            let reason = Reason::HeaderRule { number, text };
            walk.apply_by("headers", finding, rule.rule(), reason, by)?;
        }
        Continue(())
    }
}

/// Whether the rule is for mail to this recipient.
fn is_for(rule: &HeaderRule, case: &Case<'_>) -> bool {
    let domain = case.recipient.mailbox.domain();
    let to_it = |domain| rule.domains.iter().any(|pattern| pattern.matches(domain));
    rule.domains.is_empty() || domain.is_some_and(to_it)
}

/// Makes the verdicts on the recipients of one message agree: after DATA, the MTA can refuse a message for all of
/// them or for none. Where only some would be refused, none is, for the others' mail would be lost with it; those
/// get it with a tag. Where all would be, but some only for now, it is for now.
pub fn settle(verdicts: &mut [Verdict]) {
    // Who is to get nothing anyway has no say.
    let refused_or_dropped = |verdict: &Verdict| verdict.action.keeps_out();
    let unanimous = verdicts.iter().all(refused_or_dropped);
    let for_now = verdicts
        .iter()
        .any(|verdict| verdict.action == Action::Tempfail);
    for verdict in verdicts.iter_mut().filter(|verdict| !verdict.is_accepted()) {
        if !unanimous {
            verdict.would = Some(verdict.action);
            verdict.action = Action::Tag;
        } else if for_now {
            verdict.action = Action::Tempfail;
        }
    }
}
