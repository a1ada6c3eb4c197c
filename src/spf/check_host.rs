//! `check_host()` (RFC 7208 section 4): records are selected, their terms evaluated in order, and followed
//! through `include` (5.2) and `redirect` (6.1).

use std::{future::Future, pin::Pin};

use super::{
    Lookup,
    ahead::Dns,
    expansion::Values,
    limits::{DNS_TERMS, VOID_LOOKUPS},
    macros::MacroString,
    name::Name,
    question::{Answer, Question},
    record::{Ambiguous, Asking, Directive, Mechanism, Record, only_record},
    reverse::ReverseNames,
    target::NoTarget,
    trace::{Trace, listed, quoted},
};
use crate::core::{
    outside::Unanswered,
    spf::{SpfCheck, SpfResult},
};

/// One running check, over all its records.
pub(super) struct Evaluation<'a, L> {
    pub(super) dns: Dns<'a, L>,
    /// As at the first domain; [`Evaluation::expand`] puts the current one in.
    pub(super) values: Values<'a>,
    pub(super) trace: Trace,
    /// What the client's address maps back to, once it was asked.
    pub(super) reverse: Option<ReverseNames>,
    dns_terms: u32,
    void_lookups: u32,
}

/// Evaluation can't go on (RFC 7208 section 2.6.6 and 2.6.7); one line says why.
pub(super) enum Trouble {
    Temperror(String),
    Permerror(String),
}

impl From<Unanswered> for Trouble {
    fn from(unanswered: Unanswered) -> Self {
        Self::Temperror(quoted(unanswered.why.as_bytes()))
    }
}

/// How a record decided.
struct Decision {
    result: SpfResult,
    mechanism: String,
    /// The record's `exp`, and the domain that publishes it.
    explanation: Option<(Name, MacroString)>,
}

type Evaluated<'b> = Pin<Box<dyn Future<Output = Result<Option<Decision>, Trouble>> + Send + 'b>>;

impl<'a, L: Lookup> Evaluation<'a, L> {
    pub(super) fn new(lookup: &'a L, values: Values<'a>, trace: Trace) -> Self {
        Self {
            dns: Dns::new(lookup, values),
            values,
            trace,
            reverse: None,
            dns_terms: 0,
            void_lookups: 0,
        }
    }

    /// Evaluates the domain, and writes down what came of it.
    pub(super) async fn run(mut self, domain: Name, check: &mut SpfCheck) {
        match self.evaluate(domain.clone()).await {
            Ok(Some(decision)) => {
                check.result = decision.result;
                check.mechanism = Some(decision.mechanism);
                if let (SpfResult::Fail, Some((publisher, exp))) =
                    (decision.result, decision.explanation)
                {
                    self.dns.decided();
                    check.explanation = self.explain(&publisher, &exp).await;
                }
            }
            Ok(None) => check.problem = Some(format!("{domain} publishes no SPF record")),
            Err(Trouble::Temperror(why)) => {
                check.result = SpfResult::Temperror;
                check.problem = Some(why);
            }
            Err(Trouble::Permerror(why)) => {
                check.result = SpfResult::Permerror;
                check.problem = Some(why);
            }
        }
        check.lookups = self.dns_terms;
        check.void_lookups = self.void_lookups;
        check.trace = self.trace.into_lines();
    }

    /// Evaluates the record of a domain, or of the one it redirects to; `None` where the domain has no record.
    /// It recurses through `include`, no deeper than there are DNS terms.
    fn evaluate(&mut self, mut domain: Name) -> Evaluated<'_> {
        Box::pin(async move {
            let mut redirected = false;
            loop {
                let Some(record) = self.record_of(&domain).await? else {
                    return match redirected {
                        false => Ok(None),
                        // 6.1: "the result is a "permerror" rather than "none"".
                        true => Err(Trouble::Permerror(format!(
                            "redirect leads to {domain}, which publishes no SPF record"
                        ))),
                    };
                };
                for directive in &record.directives {
                    if self.matches(directive, &domain).await? {
                        return Ok(Some(Decision {
                            result: directive.result,
                            mechanism: directive.text.clone(),
                            explanation: record.explanation.map(|exp| (domain, exp)),
                        }));
                    }
                }
                let Some(redirect) = &record.redirect else {
                    // 4.7: "the check_host() function returns a "neutral" result".
                    self.trace.add(|| format!("{domain}: nothing matches"));
                    return Ok(Some(Decision {
                        result: SpfResult::Neutral,
                        mechanism: "default".to_owned(),
                        explanation: None,
                    }));
                };
                self.count_dns_term(&redirect.text, &domain)?;
                let target = self.target(&redirect.target, &redirect.text, &domain);
                domain = target.await?.map_err(|no_target| {
                    Trouble::Permerror(format!("{domain}: `{}`: {no_target}", redirect.text))
                })?;
                redirected = true;
            }
        })
    }

    /// The record that a domain publishes (4.4, 4.5), its syntax checked (4.6).
    async fn record_of(&mut self, domain: &Name) -> Result<Option<Record>, Trouble> {
        let answers = self.txt(domain).await?;
        if self.dns_terms > 0 {
            // The first record's query is no term's: only those of `include` and `redirect` can be void lookups.
            self.count_void(domain, answers.is_empty())?;
        }
        let record = only_record(&answers).map_err(|Ambiguous| {
            Trouble::Permerror(format!(
                "{domain} publishes more than one SPF record; expected one"
            ))
        })?;
        let Some(txt) = record else {
            return Ok(None);
        };
        self.trace.add(|| format!("{domain}: {}", quoted(txt)));
        match Record::parse(txt) {
            Ok(record) => Ok(Some(record)),
            Err(error) => Err(Trouble::Permerror(format!(
                "the SPF record of {domain} is wrong at {error}"
            ))),
        }
    }

    async fn matches(&mut self, directive: &Directive, domain: &Name) -> Result<bool, Trouble> {
        let text = &directive.text;
        let matched = match &directive.mechanism {
            Mechanism::All => true,
            // An IPv4 network has no IPv6 client in it, whatever its prefix length, nor the other way round.
            Mechanism::Network(network) => network.contains(&self.values.client),
            Mechanism::Asking(asking, spec) => {
                self.count_dns_term(text, domain)?;
                let target = match spec {
                    None => Ok(domain.clone()),
                    Some(spec) => self.target(spec, text, domain).await?,
                };
                match (asking, target) {
                    (_, Ok(target)) => self.asking_matches(*asking, target).await?,
                    // 4.3 makes a malformed domain a "none", which 5.2 makes a permerror.
                    (Asking::Include, Err(no_target @ NoTarget::Malformed(_))) => {
                        return Err(Trouble::Permerror(format!(
                            "{domain}: `{text}`: {no_target}"
                        )));
                    }
                    // 4.8 leaves it open. What a stranger puts into a macro must not turn a fail into an error.
                    (_, Err(no_target)) => {
                        self.trace
                            .add(|| format!("{domain}: `{text}`: {no_target}"));
                        false
                    }
                }
            }
        };
        let (dns_terms, void_lookups) = (self.dns_terms, self.void_lookups);
        self.trace.add(|| {
            let outcome = if matched {
                directive.result.as_str()
            } else {
                "no match"
            };
            format!("{domain}: `{text}`: {outcome} (DNS terms {dns_terms}, void {void_lookups})")
        });
        Ok(matched)
    }

    async fn asking_matches(&mut self, asking: Asking, target: Name) -> Result<bool, Trouble> {
        match asking {
            Asking::Include => self.include_matches(target).await,
            Asking::A(prefixes) => self.a_matches(prefixes, &target).await,
            Asking::Mx(prefixes) => self.mx_matches(prefixes, &target).await,
            Asking::Ptr => self.ptr_matches(&target).await,
            Asking::Exists => self.exists_matches(&target).await,
        }
    }

    /// The table of RFC 7208 section 5.2.
    async fn include_matches(&mut self, target: Name) -> Result<bool, Trouble> {
        match self.evaluate(target.clone()).await? {
            Some(decision) => Ok(decision.result == SpfResult::Pass),
            None => Err(Trouble::Permerror(format!(
                "include leads to {target}, which publishes no SPF record"
            ))),
        }
    }

    /// 4.6.4: "the "include", "a", "mx", "ptr", and "exists" mechanisms, and the "redirect" modifier".
    pub(super) fn count_dns_term(&mut self, text: &str, domain: &Name) -> Result<(), Trouble> {
        if self.dns_terms == DNS_TERMS {
            return Err(Trouble::Permerror(format!(
                "more than {DNS_TERMS} terms that query DNS, at `{text}` of {domain}"
            )));
        }
        self.dns_terms += 1;
        Ok(())
    }

    /// Counts a query of a term that was answered with nothing.
    ///
    /// 4.6.4 speaks of "the number of "terms"", but limits "void lookups", and 11.1 wants an end "as soon as more
    /// than two "void lookups" have been encountered": so each exchange of an `mx` without an address counts.
    /// pyspf, Mail::SPF and viaspf count likewise.
    pub(super) fn count_void(&mut self, name: &Name, found_nothing: bool) -> Result<(), Trouble> {
        if !found_nothing {
            return Ok(());
        }
        self.void_lookups += 1;
        if self.void_lookups > VOID_LOOKUPS {
            return Err(Trouble::Permerror(format!(
                "more than {VOID_LOOKUPS} queries that find nothing, at {name}"
            )));
        }
        Ok(())
    }

    pub(super) async fn txt(&mut self, name: &Name) -> Result<Vec<Vec<u8>>, Unanswered> {
        let answers = self.dns.ask(Question::Txt(name.question())).await;
        let answers = answers.map(Answer::txt);
        self.trace_answers("TXT", name.as_str(), &answers, |txt| {
            format!("{} octets", txt.len())
        });
        answers
    }

    pub(super) fn trace_answers<T>(
        &mut self,
        kind: &str,
        name: &str,
        answers: &Result<Vec<T>, Unanswered>,
        show: impl Fn(&T) -> String,
    ) {
        self.trace.add(|| match answers {
            Ok(answers) => format!("{kind} {name}: {}", listed(answers, show)),
            Err(unanswered) => format!("no answer: {}", quoted(unanswered.why.as_bytes())),
        });
    }
}
