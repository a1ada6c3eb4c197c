//! How long mail waits: for DNS, the store and the directories, and for our answer.

use std::time::Duration;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};

use crate::core::outside::Outside;

/// The bounds of the histograms, in seconds. A cached answer is in the first; the last is as long as a stage may take.
const BOUNDS: [f64; 15] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0,
];

/// What the MTA waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The answer to RCPT.
    Rcpt,
    /// The answer to DATA.
    Data,
    /// What the headers show.
    Headers,
    /// What the content shows.
    Content,
    /// The end of an accepted message: what is added to it, and its entry in the ledger.
    End,
}

impl Stage {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Rcpt,
        Self::Data,
        Self::Headers,
        Self::Content,
        Self::End,
    ];

    /// The word in the metrics.
    fn as_str(self) -> &'static str {
        match self {
            Self::Rcpt => "rcpt",
            Self::Data => "data",
            Self::Headers => "headers",
            Self::Content => "content",
            Self::End => "end",
        }
    }
}

/// The word for a part in the metrics.
pub(super) fn part(outside: Outside) -> &'static str {
    match outside {
        Outside::Dns => "dns",
        Outside::Directory => "directory",
        Outside::Store => "store",
    }
}

/// Times since the start, through all reloads.
#[derive(Debug)]
pub struct Timings {
    answers: Family<PartLabels, Histogram, fn() -> Histogram>,
    unanswered: Family<PartLabels, Counter>,
    stages: Family<StageLabels, Histogram, fn() -> Histogram>,
    /// The same, so that nobody has to look for them.
    of_part: [(Histogram, Counter); Outside::ALL.len()],
    of_stage: [Histogram; Stage::ALL.len()],
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PartLabels {
    part: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StageLabels {
    stage: &'static str,
}

impl Default for Timings {
    /// Nothing was waited for yet.
    fn default() -> Self {
        let answers = Family::new_with_constructor(histogram as fn() -> Histogram);
        let unanswered = Family::<PartLabels, Counter>::default();
        let stages = Family::new_with_constructor(histogram as fn() -> Histogram);
        Self {
            of_part: Outside::ALL.map(|outside| {
                let labels = PartLabels {
                    part: part(outside),
                };
                let counter = unanswered.get_or_create(&labels).clone();
                (answers.get_or_create(&labels).clone(), counter)
            }),
            of_stage: Stage::ALL.map(|stage| {
                let stage = stage.as_str();
                stages.get_or_create(&StageLabels { stage }).clone()
            }),
            answers,
            unanswered,
            stages,
        }
    }
}

impl Timings {
    /// A question of a message was answered, or given up, after this time.
    pub fn asked(&self, outside: Outside, time: Duration, is_answered: bool) {
        let all = Outside::ALL.iter().zip(&self.of_part);
        for (_, (times, unanswered)) in all.filter(|(one, _)| **one == outside) {
            times.observe(time.as_secs_f64());
            if !is_answered {
                unanswered.inc();
            }
        }
    }

    /// The MTA waited this long for our answer.
    pub fn judged(&self, stage: Stage, time: Duration) {
        let all = Stage::ALL.iter().zip(&self.of_stage);
        for (_, times) in all.filter(|(one, _)| **one == stage) {
            times.observe(time.as_secs_f64());
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "backstop_answer_seconds",
            "How long a question of a message to DNS, the store or a directory took, cached answers included",
            self.answers.clone(),
        );
        registry.register(
            "backstop_unanswered",
            "Questions of messages that DNS, the store or a directory did not answer",
            self.unanswered.clone(),
        );
        registry.register(
            "backstop_verdict_seconds",
            "How long the MTA waited for an answer of ours, by stage",
            self.stages.clone(),
        );
    }
}

fn histogram() -> Histogram {
    Histogram::new(BOUNDS)
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::prometheus_text::encode;

    use super::*;

    #[test]
    fn each_time_is_counted_where_it_belongs() {
        let timings = Timings::default();
        timings.asked(Outside::Dns, Duration::from_micros(300), true);
        timings.asked(Outside::Dns, Duration::from_millis(30), false);
        timings.judged(Stage::Content, Duration::from_secs(60));
        let mut registry = Registry::default();
        timings.register(&mut registry);
        let mut page = String::new();
        encode(&mut page, &registry).unwrap();
        for line in [
            "# TYPE backstop_answer_seconds histogram",
            "backstop_answer_seconds_bucket{part=\"dns\",le=\"0.0005\"} 1",
            "backstop_answer_seconds_bucket{part=\"dns\",le=\"0.025\"} 1",
            "backstop_answer_seconds_bucket{part=\"dns\",le=\"0.05\"} 2",
            "backstop_answer_seconds_count{part=\"dns\"} 2",
            "backstop_answer_seconds_count{part=\"store\"} 0",
            "backstop_unanswered_total{part=\"dns\"} 1",
            "backstop_unanswered_total{part=\"directory\"} 0",
            "backstop_verdict_seconds_bucket{stage=\"content\",le=\"25\"} 0",
            "backstop_verdict_seconds_bucket{stage=\"content\",le=\"+Inf\"} 1",
            "backstop_verdict_seconds_count{stage=\"rcpt\"} 0",
        ] {
            assert!(
                page.lines().any(|one| one == line),
                "no `{line}` in:\n{page}"
            );
        }
    }
}
