//! The page of one domain, for the client whose domain it is: in plain words, and without anything of other domains.

use std::{cmp::Reverse, collections::BTreeMap};

use maud::{Markup, html};

use crate::{
    cli::{
        page::{grouped, page, sentence},
        report::{
            attack::{Series, View, accounts, answers, list, over_time, tiles},
            coverage::percent,
            tenants::lasted,
        },
    },
    core::{
        attack::Fate,
        moment::rfc3339,
        proof::{ProofKind, ProofSettings, coverage::CoverageSummary, date, today},
        siege::Span,
        verdict::{Mode, proof_words, reason_words},
    },
};

/// The maximum number of hosts and addresses on a page.
const MAX_NAMED: usize = 20;
/// The maximum number of sieges on a page.
const MAX_SIEGES: usize = 20;

/// What is known of one domain.
pub(super) struct Client<'a> {
    pub domain: &'a str,
    /// Whether verdicts act; none where its row of `tenants` can't be had.
    pub mode: Option<Mode>,
    /// What was counted of its bounces.
    pub view: &'a View,
    /// When it was besieged.
    pub spans: &'a [Span],
    /// When all domains together were.
    pub together: &'a [Span],
    /// What can prove its bounces; none where nothing was counted.
    pub coverage: Option<&'a CoverageSummary>,
    pub proof: &'a ProofSettings,
    /// The time of writing, in seconds since 1970.
    pub now: u64,
}

impl Client<'_> {
    pub fn page(&self) -> Markup {
        let title = format!("Bounces to {}", self.domain);
        let period = self.view.period;
        let nothing = html! {};
        let content = html! {
            header {
                h1 { (title) }
                p.soft {
                    "From " (date(period.first / 24)) " to " (date(period.last / 24)) " (UTC); written "
                    time datetime=(rfc3339(self.now)) { (minute(self.now)) } " UTC"
                }
                p.lead { (self.lead()) }
            }
            (tiles(self.view))
            (accounts(self.view))
            (self.next())
            @if self.view.bounces.0.all() > 0 {
                (over_time(self.view, &Series::by_day(self.view)))
                (self.reasons())
            }
            (self.sieges())
            (list("Hosts that sent bounces without proof", "Host", &self.view.hosts, MAX_NAMED, &nothing))
            (list("Your addresses that they came to", "Address", &self.view.recipients, MAX_NAMED, &nothing))
            (self.coverage())
            (notes())
        };
        page(&title, &content)
    }

    fn lead(&self) -> String {
        let all = self.view.bounces.0;
        match (all.all(), all.suspect()) {
            (0, _) => "No bounces came.".to_owned(),
            (came, 0) => format!(
                "{} came, and nothing speaks against any of them.",
                several(came, "bounce")
            ),
            (came, suspect) => format!(
                "{} came. {} of them did not prove that they return mail of yours: somebody else used your addresses as the \
                 sender, and the mail bounced to you.",
                several(came, "bounce"),
                grouped(suspect)
            ),
        }
    }

    /// What is done with its mail now, and what there is to do.
    fn next(&self) -> Markup {
        let is_besieged = self.spans.iter().any(|span| span.goes_on);
        html! {
            section aria-labelledby="now" {
                h2 id="now" { "How it stands" }
                ul {
                    @for line in self.steps(is_besieged) { li { (line) } }
                }
            }
        }
    }

    fn steps(&self, is_besieged: bool) -> Vec<String> {
        let all = self.view.bounces.0;
        let mut steps = Vec::new();
        steps.push(match self.mode {
            Some(Mode::Monitor) => format!(
                "Your mail is only watched (mode: monitor). Nothing is refused; {} would have been in this period.",
                several(all.of(Fate::WouldRefuse), "bounce")
            ),
            None => format!(
                "Your own settings say whether bounces that are not yours are refused (mode); they could not be read for this page. \
                 In this period {} were, and {} would have been.",
                several(all.of(Fate::Refused), "bounce"),
                grouped(all.of(Fate::WouldRefuse))
            ),
            Some(Mode::Enforce) => {
                "Bounces that are not yours are refused (mode: enforce), while the host that sends them is still connected."
                    .to_owned()
            }
        });
        if is_besieged {
            steps.push(
                "A flood of bounces comes to your domain now. Stricter answers apply until it ebbs; you need not do anything."
                    .to_owned(),
            );
        }
        if !self.view.accounts.is_empty() {
            steps.push(
                "An account of yours may be abused. Change its password, and look at what it sent."
                    .to_owned(),
            );
        }
        let doubts = self
            .coverage
            .map(|coverage| coverage.doubts(today(self.now), self.proof));
        match doubts {
            Some(doubts) if doubts.is_empty() => steps.push(match self.mode {
                Some(Mode::Monitor) => {
                    "Your mail can prove its bounces. You can ask your host to refuse those without proof (mode: enforce)."
                        .to_owned()
                }
                Some(Mode::Enforce) | None => "Your mail can prove its bounces.".to_owned(),
            }),
            Some(doubts) => {
                steps.push(
                    "Bounces without proof can't all be refused yet, because some may return mail of yours. Send all your mail \
                     through your host, so that it leaves with a proof."
                        .to_owned(),
                );
                steps.extend(doubts.iter().map(|doubt| sentence(&format!("{doubt}."))));
            }
            None => steps.push(
                "No mail from your domain was counted. If you send some, send it through your host, so that its bounces can prove \
                 themselves."
                    .to_owned(),
            ),
        }
        steps
    }

    /// How bounces were answered, and why. The host's own words for its rules are not the client's.
    fn reasons(&self) -> Markup {
        let mut counted: BTreeMap<(&str, String), u64> = BTreeMap::new();
        for reason in &self.view.reasons {
            let code = reason.why.split(' ').nth(1).unwrap_or_default();
            let words = reason_words(code).unwrap_or("another reason");
            let sum = counted.entry((reason.words, sentence(words))).or_default();
            *sum = sum.saturating_add(reason.bounces);
        }
        let mut reasons: Vec<_> = counted.into_iter().collect();
        reasons.sort_by_key(|(_, times)| Reverse(*times));
        let rows = reasons
            .iter()
            .map(|((answer, words), times)| (grouped(*times), sentence(answer), html! { (words) }));
        html! {
            section aria-labelledby="why" {
                h2 id="why" { "How they were answered, and why" }
                (answers(rows))
            }
        }
    }

    fn sieges(&self) -> Markup {
        let shown = self.spans.iter().rev().take(MAX_SIEGES);
        let left = self.spans.len().saturating_sub(MAX_SIEGES);
        let together = self.together.iter().rev().take(MAX_SIEGES);
        html! {
            @if !self.spans.is_empty() || !self.together.is_empty() {
                section aria-labelledby="sieges" {
                    h2 id="sieges" { "When it was besieged" }
                    p.soft { "During a flood of bounces, stricter answers apply; it ends by itself." }
                    table {
                        thead { tr {
                            th scope="col" { "From (UTC)" }
                            th scope="col" { "To (UTC)" }
                            th.number scope="col" { "For" }
                        } }
                        tbody {
                            @for span in shown { (siege(span, "")) }
                            @for span in together { (siege(span, ", with all other domains of the host")) }
                        }
                    }
                    @if left > 0 { p.soft { "And " (left) " more before." } }
                }
            }
        }
    }

    fn coverage(&self) -> Markup {
        let outgoing = self
            .coverage
            .and_then(|coverage| coverage.domains.get(self.domain));
        let ways = |by: &BTreeMap<ProofKind, u64>| {
            let ways = by.iter().filter(|(_, times)| **times > 0);
            ways.map(|(kind, times)| (proof_words(kind.as_str()).unwrap_or(kind.as_str()), *times))
                .collect::<Vec<_>>()
        };
        html! {
            @if let Some(outgoing) = outgoing.filter(|outgoing| outgoing.messages > 0) {
                section aria-labelledby="coverage" {
                    h2 id="coverage" { "Mail that you sent" }
                    p {
                        (several(outgoing.messages, "message")) " left from your domain. Of "
                        (percent(outgoing.share(outgoing.provable))) " of them, a bounce can prove itself:"
                    }
                    table.list {
                        thead { tr { th.number scope="col" { "Messages" } th scope="col" { "Proof" } } }
                        tbody { @for (words, times) in ways(&outgoing.by) { tr {
                            td.number { (grouped(times)) }
                            th scope="row" { (sentence(words)) }
                        } } }
                    }
                }
            }
        }
    }
}

fn siege(span: &Span, whose: &str) -> Markup {
    html! {
        tr {
            th scope="row" { (minute(span.from)) (whose) }
            td { @if span.goes_on { "it goes on" } @else { (minute(span.to)) } }
            td.number { (lasted(span.to.saturating_sub(span.from))) }
        }
    }
}

fn notes() -> Markup {
    html! {
        section {
            h2 { "How to read this" }
            p {
                "A bounce is the notice of another mail server that it could not deliver a message. Who forges your address as a \
                 sender makes others send you bounces of mail that you never wrote. Counted are bounces to addresses of your \
                 domain, each recipient once, and each new attempt after a temporary refusal again."
            }
            p {
                "“" (sentence(Fate::Proven.words())) "” means proof that the bounce returns mail of yours. “"
                (sentence(Fate::Deferred.words())) "” means that a server which is asked did not answer; it comes again. The hosts \
                 are those that sent the bounces: most are honest servers, and none need be who forged your address."
            }
        }
    }
}

fn several(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {what}{plural}", grouped(number))
}

/// A time, for example `2026-11-28 13:45`.
fn minute(seconds: u64) -> String {
    let mut text = rfc3339(seconds).replace('T', " ");
    text.truncate("2026-11-28 13:45".len());
    text
}
