//! The checks at the end of the headers, in order; and how the answers to several recipients become one answer to
//! the message.

use std::ops::ControlFlow::{self, Break, Continue};

use super::{Case, Policy, walk::Walk};
use crate::core::{
    address::{Domain, ReversePath},
    from_header::Claims,
    header::Headers,
    header_rules::{HeaderRule, Matches, When},
    notification::Notification,
    printable::printable,
    spf::SpfResult,
    trace_header::Forgeries,
    verdict::{Action, Reason, Rule, Verdict},
};

/// How much of a header's value is told to the administrator, in octets.
const LONGEST_SHOWN: usize = 60;

/// What the headers of a message tell.
#[derive(Clone, Debug)]
pub struct HeaderFacts {
    /// The headers.
    pub headers: Headers,
    /// What kind of notification it is, if any.
    pub notification: Option<Notification>,
    /// Whom From: claims it to be from.
    pub claims: Claims,
    /// Headers that only we may write.
    pub forgeries: Forgeries,
}

impl HeaderFacts {
    /// What these headers tell, below this MAIL FROM.
    pub fn of(reverse_path: &ReversePath, headers: Headers, forgeries: Forgeries) -> Self {
        Self {
            notification: Notification::recognise(reverse_path, &headers),
            claims: Claims::of(&headers),
            headers,
            forgeries,
        }
    }
}

impl Policy {
    pub(super) fn at_eoh(
        &self,
        case: &Case<'_>,
        facts: &HeaderFacts,
        matches: &Matches<'_>,
        walk: &mut Walk,
    ) -> ControlFlow<Verdict> {
        if let Some(why) = self.outgoing(case.envelope) {
            return Break(Verdict::accept(Reason::Outgoing(why)));
        }
        if facts.forgeries.too_many() {
            // Nobody writes a thousand of our headers in good faith. So nobody is exempt either: a stranger would only have
            // to name postmaster as well.
            let finding = "more headers than can be taken out claim to be ours".to_owned();
            let rule = Rule::new(Action::Tempfail);
            walk.apply("headers", finding, rule, Reason::ForgedHeaders)?;
        }
        if let Some(why) = self.exemption(case, walk) {
            return Break(Verdict::accept(Reason::Exempt(why)));
        }
        if facts.headers.is_cut() {
            walk.tell(
                "headers",
                "too many or too long: only a part is read".to_owned(),
            );
        }
        match &facts.notification {
            Some(notification) => walk.tell("notification", notification.to_string()),
            None => walk.tell("notification", "it is none".to_owned()),
        }
        self.not_a_notification(case, facts, walk)?;
        let notification = facts.notification.as_ref();
        if case.is_proven_by_headers(notification) {
            self.proven_by_tag(walk);
        } else {
            if self.content_may_prove(case) && !self.needs_content(case, notification) {
                self.besieged_listed(case, None, walk)?;
            }
            self.daemon_like(case, facts, walk)?;
        }
        self.header_from(case, facts, walk)?;
        self.header_rules(case, facts, matches, walk)
    }

    fn not_a_notification(
        &self,
        case: &Case<'_>,
        facts: &HeaderFacts,
        walk: &mut Walk,
    ) -> ControlFlow<Verdict> {
        let null = case.envelope.reverse_path.is_null();
        // A proven bounce is one, whatever its headers look like.
        let proven = case.is_proven_by_tag(None);
        if !null || proven || facts.notification.is_some() || self.spares_null_sender(case) {
            return Continue(());
        }
        let finding =
            "null sender, and nothing in the headers says that it is a notification".to_owned();
        let rule = self.null_sender.not_a_notification;
        walk.apply(
            "null_sender.not_a_notification",
            finding,
            rule,
            Reason::NotANotification,
        )
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
        self.never_send(case, true, walk)?;
        self.recipient_class(case, true, walk)
    }

    fn header_from(
        &self,
        case: &Case<'_>,
        facts: &HeaderFacts,
        walk: &mut Walk,
    ) -> ControlFlow<Verdict> {
        let claims = &facts.claims;
        let claimed = claims.addresses.iter().chain(&claims.displayed);
        let ours: Vec<&Domain> = claimed
            .filter_map(|address| address.domain())
            .filter(|domain| self.local.is_ours(domain))
            .collect();
        // Each needs a voucher of its own: what passes for one domain of ours says nothing of another.
        let vouchers: Vec<_> = ours
            .iter()
            .map(|domain| (*domain, self.may_claim(case, Some(domain))))
            .collect();
        let unvouched = vouchers.iter().find(|(_, voucher)| voucher.is_none());
        let (domain, voucher) = match unvouched.or(vouchers.first()) {
            // Else it would be enough to write ours behind what is read.
            Some((_, Some(_))) | None if claims.cut => (None, self.may_claim(case, None)),
            Some((domain, voucher)) => (Some(*domain), voucher.clone()),
            None => return Continue(()),
        };
        let claim = match domain {
            Some(domain) => format!("From: claims {domain}, which is ours"),
            None => "From: claims more than is read, so it may claim ours".to_owned(),
        };
        if let Some(why) = voucher {
            walk.tell("forgery.header_from", format!("{claim}; {why}"));
            return Continue(());
        }
        let finding = format!("{claim}, and the client is a stranger");
        let reason = Reason::HeaderFromForged {
            domain: domain.cloned(),
        };
        walk.apply(
            "forgery.header_from",
            finding,
            self.forgery.header_from,
            reason,
        )
    }

    /// Why a stranger's message may carry an address of this domain of ours in From:; `None` for one that was not
    /// read. Each way needs SPF to pass, for everything else in a message can be made up.
    fn may_claim(&self, case: &Case<'_>, claimed: Option<&Domain>) -> Option<String> {
        if let Some(why) = self.trusted_forwarder(case.envelope, case.spf) {
            return Some(why);
        }
        let passes = case
            .spf
            .mail_from
            .as_ref()
            .is_some_and(|check| check.result == SpfResult::Pass);
        let sender = case.envelope.reverse_path.domain().filter(|_| passes)?;
        let lists = &self.forgery.lists;
        if lists.iter().any(|pattern| pattern.matches(sender)) {
            return Some(format!("{sender} is in forgery.lists, and its SPF passes"));
        }
        let vouched = claimed.is_some_and(|claimed| claimed.is_in_line_with(sender));
        (self.local.is_ours(sender) && vouched).then(|| format!("SPF passes for {sender}"))
    }

    fn header_rules(
        &self,
        case: &Case<'_>,
        facts: &HeaderFacts,
        matches: &Matches<'_>,
        walk: &mut Walk,
    ) -> ControlFlow<Verdict> {
        for (index, rule) in self.headers.iter().enumerate() {
            if !applies(rule, case, facts) {
                continue;
            }
            let Some(value) = matches.value(index) else {
                continue;
            };
            let name = rule.header.as_str();
            let shown = printable(value.as_bytes(), LONGEST_SHOWN);
            let finding = format!("rule {} matches {name}: {shown}", index + 1);
            let text = rule.text.as_ref().map(ToString::to_string);
            walk.apply(
                "headers",
                finding,
                rule.rule(),
                Reason::HeaderRule {
                    number: index + 1,
                    text,
                },
            )?;
        }
        Continue(())
    }
}

fn applies(rule: &HeaderRule, case: &Case<'_>, facts: &HeaderFacts) -> bool {
    let when = match rule.when {
        When::NullSender => case.envelope.reverse_path.is_null(),
        When::Notification => facts.notification.is_some(),
        When::Mail => facts.notification.is_none(),
        When::Always => true,
    };
    let domain = case.recipient.mailbox.domain();
    let to_it = |domain| rule.domains.iter().any(|pattern| pattern.matches(domain));
    when && (rule.domains.is_empty() || domain.is_some_and(to_it))
}

/// Makes the verdicts on the recipients of one message agree: after DATA, the MTA can refuse a message for all of
/// them or for none. Where only some would be refused, nobody is, for the others' mail would be lost with it; those
/// get it with a tag. Where all would be, but some only for now, it is for now.
pub fn settle(verdicts: &mut [Verdict]) {
    // Who is to get nothing anyway has no say.
    let refused_or_dropped =
        |verdict: &Verdict| !verdict.lets_in() || verdict.action == Action::Discard;
    let unanimous = verdicts.iter().all(refused_or_dropped);
    let for_now = verdicts
        .iter()
        .any(|verdict| verdict.action == Action::Tempfail);
    for verdict in verdicts.iter_mut().filter(|verdict| !verdict.lets_in()) {
        if !unanimous {
            verdict.would = Some(verdict.action);
            verdict.action = Action::Tag;
        } else if for_now {
            verdict.action = Action::Tempfail;
        }
    }
}
