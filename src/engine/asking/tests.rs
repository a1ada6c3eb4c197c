//! The loop with answers that are late, missing, wrong, and in any order. The clock stands still but for what is waited.

use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::FutureExt;
use proptest::prelude::*;
use tokio::time::sleep;

use super::*;
use crate::{
    config,
    core::{
        address::{Mailbox, ReversePath},
        envelope::{Client, Envelope, Recipient},
        message::{Judged, RcptTo},
        outside::Outside,
        proof::ledger::Hash,
        recipients::Known,
        siege::State,
        spf::{Identity, SpfCheck, SpfResult},
        verdict::{Action, Reason, Verdict},
    },
};

const SITE: &str = "
mode: enforce
local: {domains: [example.org]}
spf: {mail_from: {fail: reject, temperror: tempfail}, trusted_forwarders: [one.example, two.example]}
recipients: [{domain: example.org, known: [{addresses: [jane]}], unknown: {mail: reject, bounces: reject}}]
";
const NOW: u64 = 1_790_000_000;

/// Says what it was told to, after a while.
#[derive(Default)]
struct Script {
    answers: HashMap<Question, (Duration, Answer)>,
    asked: Mutex<Vec<Question>>,
}

impl Script {
    fn with(mut self, question: Question, after: u64, answer: Answer) -> Self {
        let after = Duration::from_secs(after);
        self.answers.insert(question, (after, answer));
        self
    }

    /// SPF fails, two forwarders may excuse it, and a list knows the recipient.
    fn of(seconds: [u64; 5]) -> Self {
        let [helo, mail_from, known, one, two] = seconds;
        Self::default()
            .with(Question::Spf(Identity::Helo), helo, spf(SpfResult::None))
            .with(
                Question::Spf(Identity::MailFrom),
                mail_from,
                spf(SpfResult::Fail),
            )
            .with(
                knows_jane(),
                known,
                Answer::Known(Known::Listed("inline".to_owned())),
            )
            .with(
                forwarder("one.example"),
                one,
                Answer::SpfResult(SpfResult::Fail),
            )
            .with(
                forwarder("two.example"),
                two,
                Answer::SpfResult(SpfResult::Pass),
            )
    }
}

impl Answerer for Script {
    fn own(&self, question: &Question) -> Option<Answer> {
        matches!(question, Question::Siege(_)).then_some(Answer::Siege(State::Calm))
    }

    async fn answer(&self, _: &Message, question: &Question) -> Answer {
        self.asked.lock().unwrap().push(question.clone());
        match self.answers.get(question) {
            Some((after, answer)) => {
                if !after.is_zero() {
                    sleep(*after).await;
                }
                answer.clone()
            }
            None => std::future::pending().await,
        }
    }
}

fn spf(result: SpfResult) -> Answer {
    let domain = "friend.example".to_owned();
    Answer::Spf(SpfCheck::new(Identity::MailFrom, domain, result).into())
}

fn knows_jane() -> Question {
    Question::Known {
        entry: 0,
        mailbox: Mailbox::from_bytes(b"jane@example.org"),
    }
}

fn forwarder(domain: &str) -> Question {
    Question::Forwarder(domain.parse().unwrap())
}

fn message() -> Message {
    let config = config::parse(Path::new("loop.yaml"), SITE);
    let policy = config
        .unwrap_or_else(|mistakes| panic!("{mistakes}"))
        .policy;
    let envelope = Envelope {
        client: Client {
            address: "192.0.2.1".parse().ok(),
            helo: Some(b"mx.friend.example".to_vec()),
            ..Client::default()
        },
        reverse_path: ReversePath::from_bytes(b"bob@friend.example"),
    };
    let host = "mx.example.org".to_owned();
    Message::new("1a".to_owned(), Arc::new(policy), envelope, host)
}

fn to_jane() -> RcptTo {
    RcptTo {
        recipient: Recipient {
            mailbox: Mailbox::from_bytes(b"jane@example.org"),
            refused: None,
        },
        path: b"<jane@example.org>".to_vec(),
        parameters: Vec::new(),
    }
}

/// What is decided, and after how many seconds.
async fn judged(script: &Script) -> (Judged, u64) {
    let (mut message, rcpt) = (message(), to_jane());
    let begun = Instant::now();
    let stage = |message: &mut Message| message.rcpt(&rcpt, NOW);
    let judged = decided(&mut message, script, begun + STAGE_LIMIT, stage).await;
    (judged, begun.elapsed().as_secs())
}

fn outcome(judged: &Judged) -> (Action, Option<Outside>) {
    let verdict = &judged.judgement.verdict;
    (verdict.action, verdict.unanswered)
}

#[tokio::test(start_paused = true)]
async fn a_round_takes_as_long_as_its_slowest_answer() {
    let (judged, seconds) = judged(&Script::of([3, 4, 2, 5, 1])).await;
    assert_eq!(outcome(&judged), (Action::Accept, None));
    assert_eq!(seconds, 4 + 5);
}

#[tokio::test(start_paused = true)]
async fn what_is_late_did_not_answer() {
    for (seconds, expected) in [
        // A list that might know the recipient is away: the next try may tell.
        (
            [0, 0, 60, 0, 0],
            (Action::Tempfail, Some(Outside::Directory)),
        ),
        // Whether a forwarder excuses the failure, nobody knows.
        ([0, 0, 0, 0, 60], (Action::Tempfail, Some(Outside::Dns))),
        // RFC 7208 section 2.6.6: the check of MAIL FROM is a temperror, which the forwarder, who answers at once, excuses.
        ([0, 60, 0, 0, 0], (Action::Accept, None)),
    ] {
        let (judged, after) = judged(&Script::of(seconds)).await;
        assert_eq!(outcome(&judged), expected, "{seconds:?}");
        assert_eq!(after, STAGE_LIMIT.as_secs(), "{seconds:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn all_rounds_share_one_deadline() {
    let (judged, seconds) = judged(&Script::of([20, 20, 20, 20, 20])).await;
    assert_eq!(outcome(&judged), (Action::Tempfail, Some(Outside::Dns)));
    assert_eq!(seconds, STAGE_LIMIT.as_secs());
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_another_question_is_none() {
    let mut script = Script::of([0; 5]);
    for question in script.answers.clone().into_keys() {
        script = script.with(question, 0, Answer::Holds(true));
    }
    let (judged, _) = judged(&script).await;
    assert_eq!(judged.judgement.verdict.action, Action::Tempfail);
}

#[tokio::test(start_paused = true)]
async fn each_question_is_asked_once_and_own_knowledge_of_nobody() {
    let script = Script::of([0; 5]);
    let _ = judged(&script).await;
    let mut asked = script.asked.into_inner().unwrap();
    let all = asked.len();
    asked.sort_by_key(|question| format!("{question:?}"));
    asked.dedup();
    assert_eq!((all, asked.len()), (5, 5));
}

/// Answers each question after a second, and counts.
#[derive(Default)]
struct Counting {
    /// The store is down.
    down: bool,
    now: AtomicUsize,
    most: AtomicUsize,
    all: AtomicUsize,
}

impl Answerer for Counting {
    fn own(&self, _: &Question) -> Option<Answer> {
        None
    }

    async fn answer(&self, _: &Message, _: &Question) -> Answer {
        self.all.fetch_add(1, Ordering::Relaxed);
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(now, Ordering::Relaxed);
        sleep(Duration::from_secs(1)).await;
        self.now.fetch_sub(1, Ordering::Relaxed);
        match self.down {
            true => Answer::Unanswered(Outside::Store),
            false => Answer::LastSent(None),
        }
    }
}

/// A message to very many has the store asked about each.
#[tokio::test(start_paused = true)]
async fn the_store_is_not_asked_everything_at_a_time() {
    for (down, all, seconds) in [(false, 100, 7), (true, 16, 1)] {
        let mut message = message();
        let counting = Counting {
            down,
            ..Counting::default()
        };
        let questions: Vec<Question> = (0..100)
            .map(|number| Question::LastSent(vec![Hash::from_bytes([number; 16])]))
            .collect();
        let mut rounds = vec![Step::Ask(questions), Step::Decided(())].into_iter();
        let begun = Instant::now();
        let stage = |_: &mut Message| rounds.next().unwrap();
        decided(&mut message, &counting, begun + STAGE_LIMIT, stage).await;
        assert_eq!(counting.most.into_inner(), 16);
        assert_eq!(counting.all.into_inner(), all);
        assert_eq!(begun.elapsed().as_secs(), seconds);
    }
}

/// The time of the callback may end at any moment: what was accepted is then refused for now, and nothing is stuck.
#[tokio::test(start_paused = true)]
async fn a_stage_may_be_dropped_anywhere() {
    for (seconds, wait) in [([9, 9, 9, 0, 0], 5), ([0, 0, 0, 9, 9], 5), ([0; 5], 0)] {
        let (mut message, rcpt) = (message(), to_jane());
        let script = Script::of(seconds);
        {
            let stage = |message: &mut Message| message.rcpt(&rcpt, NOW);
            let deadline = Instant::now() + STAGE_LIMIT;
            let judging = decided(&mut message, &script, deadline, stage);
            let _ = tokio::time::timeout(Duration::from_secs(wait), judging).await;
        }
        message.fail(&Verdict::internal());
        let failed = message.rcpt_failed(&rcpt, Verdict::internal());
        assert_eq!(failed.judgement.verdict.reason, Reason::Internal);
        // What comes after is judged anew, and as if nothing had been.
        let script = Script::of([0; 5]);
        let stage = |message: &mut Message| message.rcpt(&rcpt, NOW);
        let deadline = Instant::now() + STAGE_LIMIT;
        let judged = decided(&mut message, &script, deadline, stage).await;
        assert_eq!(outcome(&judged), (Action::Accept, None));
    }
}

#[test]
fn without_a_question_nothing_is_waited_for() {
    let mut message = message();
    let rcpt = RcptTo {
        recipient: Recipient {
            refused: Some("5.1.1".to_owned()),
            ..to_jane().recipient
        },
        ..to_jane()
    };
    let script = Script::default();
    let stage = |message: &mut Message| message.rcpt(&rcpt, NOW);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let _entered = runtime.enter();
    let deadline = Instant::now() + STAGE_LIMIT;
    let at_once = decided(&mut message, &script, deadline, stage).now_or_never();
    assert!(at_once.is_some());
    assert!(script.asked.into_inner().unwrap().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_order_in_which_answers_come_does_not_matter(seconds in prop::array::uniform5(0..12_u64)) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let (judged, after) = runtime.block_on(judged(&Script::of(seconds)));
        prop_assert_eq!(outcome(&judged), (Action::Accept, None));
        let [helo, mail_from, known, one, two] = seconds;
        prop_assert_eq!(after, helo.max(mail_from).max(known) + one.max(two));
    }
}
