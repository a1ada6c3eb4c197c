//! Every outage, every rule that asks the part that is out, every action: none ever ends in a refusal for good, nor in
//! mail thrown away. The rules are those that the file has: one that is added, and has no row here, fails.

mod rows;

use backstop::core::{
    outside::Outside,
    policy::Policy,
    proof::Weak,
    verdict::{Action, Mode},
};
use serde_yaml::Value;

use crate::scenario::Scenario;
use rows::Row;

/// What the shipped file has, and an entry in each list that takes answers.
const ENTRIES: &str = "
local: {domains: [example.org, example.net]}
spf:
  trusted_forwarders: [forwarder.example]
  domains: {picky.example: {none: accept, fail: accept, softfail: accept, temperror: accept, permerror: accept}}
forgery: {mailing_lists: [lists.example.net]}
null_sender: {never_send: {addresses: [noreply@example.org]}}
recipients:
  - domain: example.org
    known: [{addresses: [jane]}]
    rules: [{match: 'shop-.*', mail: accept, bounces: accept}]
    catch_all: {mail: accept, bounces: accept}
  - domain: example.net
    known: [{addresses: [jane]}]
    unknown: {mail: accept, bounces: accept}
dnsbl: [{zone: ips.backscatterer.org, action: accept}]
headers: [{header: Subject, match: casino, action: accept}]
";

/// One step into a file.
#[derive(Clone, Debug)]
enum Step {
    Key(String),
    Index(usize),
}

/// The shipped file with the entries, and nothing that refuses; and where it takes an answer.
fn site() -> (Value, Vec<Vec<Step>>) {
    let mut file = serde_yaml::from_str(include_str!("../../milter.yaml")).unwrap();
    overlay(&mut file, serde_yaml::from_str(ENTRIES).unwrap());
    let rules = answers(&file);
    for path in &rules {
        *at(&mut file, path) = "accept".into();
    }
    (file, rules)
}

fn overlay(below: &mut Value, above: Value) {
    match (below, above) {
        (Value::Mapping(below), Value::Mapping(above)) => {
            for (key, value) in above {
                match below.get_mut(&key) {
                    Some(below) => overlay(below, value),
                    None => drop(below.insert(key, value)),
                }
            }
        }
        (below, above) => *below = above,
    }
}

/// Where the file takes an answer: whatever is read as one, the parser says.
fn answers(file: &Value) -> Vec<Vec<Step>> {
    let mut leaves = Vec::new();
    walk(file, &mut Vec::new(), &mut leaves);
    let takes_answer = |path: &Vec<Step>| {
        let mut changed = file.clone();
        *at(&mut changed, path) = "no_action".into();
        let wrong = read(&changed).err().unwrap_or_default();
        wrong.contains("accept, tag, tempfail, reject, discard, quarantine")
    };
    leaves.into_iter().filter(takes_answer).collect()
}

fn walk(value: &Value, path: &mut Vec<Step>, leaves: &mut Vec<Vec<Step>>) {
    let mut below = |step, value| {
        path.push(step);
        walk(value, path, leaves);
        path.pop();
    };
    match value {
        Value::Mapping(map) => {
            for (key, value) in map {
                below(Step::Key(key.as_str().unwrap().to_owned()), value);
            }
        }
        Value::Sequence(items) => {
            for (index, item) in items.iter().enumerate() {
                below(Step::Index(index), item);
            }
        }
        _ => leaves.push(path.clone()),
    }
}

fn at<'a>(value: &'a mut Value, path: &[Step]) -> &'a mut Value {
    path.iter().fold(value, |value, step| match step {
        Step::Key(key) => value.get_mut(key.as_str()).unwrap(),
        Step::Index(index) => value.get_mut(index).unwrap(),
    })
}

fn name(path: &[Step]) -> String {
    let steps = path.iter().map(|step| match step {
        Step::Key(key) => format!(".{key}"),
        Step::Index(index) => format!("[{index}]"),
    });
    steps.collect::<String>().trim_start_matches('.').to_owned()
}

fn read(file: &Value) -> Result<Policy, String> {
    let text = serde_yaml::to_string(file).unwrap();
    let config = backstop::config::parse("milter.yaml".as_ref(), &text);
    config
        .map(|config| config.policy)
        .map_err(|wrong| wrong.to_string())
}

/// How a rule acts: enforced, monitored by the mode, or monitored by itself.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Acts {
    Enforced,
    Monitored,
    MonitoredAlone,
}

/// The file with one rule that does something, enforced or monitored by itself.
fn policy(site: &Value, path: &[Step], action: Action, monitor: bool) -> Policy {
    let mut file = site.clone();
    *at(&mut file, &[Step::Key("mode".to_owned())]) = "enforce".into();
    *at(&mut file, path) = action.as_str().into();
    if monitor {
        match path.split_last().unwrap() {
            // The entries of these lists have the key beside them.
            (Step::Key(last), entry) if last == "action" => {
                let entry = at(&mut file, entry).as_mapping_mut().unwrap();
                entry.insert("monitor".into(), true.into());
            }
            _ => {
                let long = format!("{{action: {action}, monitor: true}}");
                *at(&mut file, path) = serde_yaml::from_str(&long).unwrap();
            }
        }
    }
    let mut policy = read(&file).unwrap_or_else(|wrong| panic!("{wrong}"));
    policy.proof.weak_evidence = Weak::Ignore;
    policy.proof.batv.required = false;
    policy.proof.dkim.verify = true;
    policy.proof.ledger.remember = false;
    policy
}

/// The action, and what enforcing would do.
fn outcome(action: Action, acts: Acts) -> (Action, Option<Action>) {
    match (action, acts) {
        (Action::Accept | Action::Tag, _) | (_, Acts::Enforced) => (action, None),
        (action, _) => (Action::Tag, Some(action)),
    }
}

/// What the outage of these makes of an answer.
fn softened(action: Action, outages: &[Outside], besieged: bool) -> Action {
    match action {
        Action::Accept | Action::Tag => action,
        _ if outages.contains(&Outside::Store) && !besieged => Action::Tag,
        _ => Action::Tempfail,
    }
}

#[test]
fn no_outage_ever_refuses_for_good_or_throws_away() {
    let (site, rules) = site();
    assert!(rules.len() > 35, "{}", rules.len());
    let mut checked = 0;
    for path in &rules {
        let rule = name(path);
        let rows = rows::of(&rule);
        for action in Action::ALL {
            let enforced = policy(&site, path, action, false);
            let monitored = Policy {
                mode: Mode::Monitor,
                ..enforced.clone()
            };
            let alone = policy(&site, path, action, true);
            for (acts, policy) in [
                (Acts::Enforced, &enforced),
                (Acts::Monitored, &monitored),
                (Acts::MonitoredAlone, &alone),
            ] {
                for row in &rows {
                    checked += held(policy, &rule, row, action, acts);
                }
            }
        }
    }
    assert!(checked > 5_000, "{checked}");
}

/// Holds one row to what it must be, on calm days and under siege; how many verdicts that were.
fn held(policy: &Policy, rule: &str, row: &Row, action: Action, acts: Acts) -> usize {
    let mut checked = 0;
    let mut expect = |sent: &Scenario, besieged, action, outages: &[Outside]| {
        let sent = sent.clone().siege(besieged);
        let verdict = sent.verdict(policy);
        let place = || format!("{rule} {action} {acts:?} {outages:?} {sent:?}: {verdict:?}");
        assert_eq!(
            (verdict.action, verdict.would),
            outcome(action, acts),
            "{}",
            place()
        );
        if !outages.is_empty() {
            let kept_out = |action| !matches!(action, Action::Accept | Action::Tag);
            assert!(
                !matches!(verdict.action, Action::Reject | Action::Discard),
                "{}",
                place()
            );
            // It says nothing of the mail, so the siege's sensor and the reports don't count it.
            assert!(
                verdict.is_unanswered() || !kept_out(verdict.action),
                "{}",
                place()
            );
        }
        checked += 1;
    };
    let sieges: &[bool] = if rule.starts_with("siege.") {
        &[true]
    } else {
        &[false, true]
    };
    for &besieged in sieges {
        // All is answered, or what is not could have changed nothing: the rule says what it says.
        for sent in row.answered.iter().chain(&row.stands) {
            expect(sent, besieged, action, &[]);
        }
        for (outages, sent) in &row.outages {
            expect(sent, besieged, softened(action, outages, besieged), outages);
        }
    }
    checked
}
