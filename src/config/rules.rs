//! Every rule in the file, with its place: an action that is dangerous in one place is dangerous in all.

use super::{diagnostic::Mistake, file::File, outline::Outline, path::Path};
use crate::core::{
    forgery::Forgery,
    null_sender::{NeverSend, NullSender},
    proof,
    recipients::ClassAnswer,
    siege,
    spf_rules::{ResultRules, SpfRules},
    verdict::{Action, Rule},
};

/// Warns of actions that lose mail, or that refuse mail for no fault of its sender.
pub(super) fn check(file: &File, outline: &Outline) -> Vec<Mistake> {
    let rules = Rules::of(file).0;
    let warnings = rules.into_iter().filter_map(|(path, rule)| {
        let (message, help) = doubt(&path, rule.action)?;
        Some(Mistake::warning(outline.value(&path), message, help))
    });
    warnings.collect()
}

/// The warning about this action in this place.
fn doubt(path: &Path, action: Action) -> Option<(String, &'static str)> {
    let of_all_domains = ["helo", "mail_from"]
        .map(|identity| Path::of(&["spf", identity, "none"]))
        .contains(path);
    match action {
        Action::Reject | Action::Discard | Action::Quarantine
            if path.last_key() == Some("temperror") =>
        {
            Some((
                format!(
                    "`{path}` is `{action}`, but becomes `tempfail`: without an answer of DNS no mail is refused"
                ),
                "use `tempfail` to have the mail sent again later, or `tag` to accept it",
            ))
        }
        Action::Discard => Some((
            format!("`{path}` throws mail away without notice"),
            "use `reject` to notify honest senders, or `quarantine` to look at the mail first",
        )),
        Action::Reject if of_all_domains => Some((
            format!("`{path}` refuses the mail of every domain that publishes no SPF"),
            "use `accept` or `tag`; many honest domains publish none",
        )),
        _ => None,
    }
}

/// All rules of a file. Each section is matched without `..`: a new key does not compile until it is listed here, as a
/// rule or as none.
#[derive(Default)]
struct Rules(Vec<(Path, Rule)>);

impl Rules {
    fn of(file: &File) -> Self {
        let File {
            listen: _,
            socket: _,
            mode: _,
            local: _,
            dns: _,
            spf,
            forgery,
            null_sender,
            exempt: _,
            recipients: _,
            dnsbl,
            headers,
            proof,
            siege,
            store: _,
            report: _,
            observe: _,
            log: _,
        } = file;
        let mut rules = Self::default();
        rules.spf(&Path::of(&["spf"]), spf);
        rules.forgery(&Path::of(&["forgery"]), forgery);
        rules.null_sender(&Path::of(&["null_sender"]), null_sender);
        rules.recipients(&Path::of(&["recipients"]), file);
        for (index, list) in dnsbl.iter().enumerate() {
            rules.add(&Path::of(&["dnsbl"]).index(index), "action", list.rule());
        }
        for (index, header) in headers.iter().enumerate() {
            rules.add(
                &Path::of(&["headers"]).index(index),
                "action",
                header.rule(),
            );
        }
        rules.proof(&Path::of(&["proof"]), proof);
        rules.siege(&Path::of(&["siege"]), siege);
        rules
    }

    fn add(&mut self, section: &Path, key: &str, rule: impl Into<Option<Rule>>) {
        let rule = rule.into();
        self.0.extend(rule.map(|rule| (section.key(key), rule)));
    }

    fn spf(&mut self, at: &Path, spf: &SpfRules) {
        let SpfRules {
            helo,
            mail_from,
            trusted_forwarders: _,
            domains,
        } = spf;
        self.results(&at.key("helo"), helo);
        self.results(&at.key("mail_from"), mail_from);
        for (domain, rules) in domains {
            self.results(&at.key("domains").key(&domain.to_string()), rules);
        }
    }

    fn results(&mut self, at: &Path, rules: &ResultRules) {
        let ResultRules {
            none,
            fail,
            softfail,
            temperror,
            permerror,
        } = *rules;
        self.add(at, "none", none);
        self.add(at, "fail", fail);
        self.add(at, "softfail", softfail);
        self.add(at, "temperror", temperror);
        self.add(at, "permerror", permerror);
    }

    fn forgery(&mut self, at: &Path, forgery: &Forgery) {
        let Forgery {
            mail_from,
            header_from,
            mailing_lists: _,
        } = forgery;
        self.add(at, "mail_from", *mail_from);
        self.add(at, "header_from", *header_from);
    }

    fn null_sender(&mut self, at: &Path, null_sender: &NullSender) {
        let NullSender {
            extra_recipients,
            never_send: NeverSend { addresses: _, rule },
            not_a_notification,
            unauthenticated_reports,
            exempt: _,
            srs: _,
        } = null_sender;
        self.add(at, "extra_recipients", *extra_recipients);
        self.add(&at.key("never_send"), "action", *rule);
        self.add(at, "not_a_notification", *not_a_notification);
        self.add(at, "unauthenticated_reports", *unauthenticated_reports);
    }

    fn recipients(&mut self, at: &Path, file: &File) {
        for (index, entry) in file.recipients.iter().enumerate() {
            let at = at.index(index);
            for (index, rule) in entry.rules.iter().enumerate() {
                let at = at.key("rules").index(index);
                self.add(&at, "mail", rule.mail);
                self.add(&at, "bounces", rule.bounces);
            }
            for (key, answer) in [("catch_all", entry.catch_all), ("unknown", entry.unknown)] {
                if let Some(answer) = answer {
                    self.class(&at.key(key), answer);
                }
            }
        }
    }

    fn class(&mut self, at: &Path, ClassAnswer { mail, bounces }: ClassAnswer) {
        self.add(at, "mail", mail);
        self.add(at, "bounces", bounces);
    }

    fn proof(&mut self, at: &Path, proof: &proof::ProofSettings) {
        let proof::ProofSettings {
            key_file: _,
            lifetime: _,
            batv: _,
            watermark: _,
            ledger: _,
            replay_limit: _,
            dkim: _,
            body_limit: _,
            weak_evidence: _,
            unproven,
            unproven_replies,
            unproven_replies_with_sender,
            forged,
            keys: _,
        } = proof;
        self.add(at, "unproven", *unproven);
        self.add(at, "unproven_replies", *unproven_replies);
        self.add(
            at,
            "unproven_replies_with_sender",
            *unproven_replies_with_sender,
        );
        self.add(at, "forged", *forged);
    }

    fn siege(&mut self, at: &Path, siege: &siege::Settings) {
        let siege::Settings {
            watch: _,
            factor: _,
            floor: _,
            min_duration: _,
            quiet: _,
            max_duration: _,
            unproven,
            catch_all,
            listed,
            extra_recipients,
            learn: _,
            notify: _,
        } = siege;
        self.add(at, "unproven", *unproven);
        self.class(&at.key("catch_all"), *catch_all);
        self.add(at, "listed", *listed);
        self.add(at, "extra_recipients", *extra_recipients);
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::config::{
        keys::keys_at,
        parse,
        shipped::{PLACES, set},
    };

    /// The other keys that entries of lists need.
    const NEEDED: &str = "local: {domains: [example.org]}\n\
        null_sender: {never_send: {addresses: [noreply]}}\n\
        recipients: [{domain: example.org, known: [{addresses: [a]}], rules: [{match: x}]}]\n\
        dnsbl: [{zone: ips.backscatterer.org}]\n\
        headers: [{header: Subject, match: x, action: tag}]\n";

    /// Every key that takes an action, whatever its type: serde says so when it gets another word.
    fn places_of_rules() -> Vec<Vec<String>> {
        let mut found = Vec::new();
        for place in PLACES {
            for key in keys_at(place) {
                let at = [*place, &[key.as_str()]].concat();
                let probe =
                    at.iter()
                        .rev()
                        .fold("no_action".to_owned(), |inner, step| match *step {
                            "[]" => format!("[{inner}]"),
                            key => format!("{{'{key}': {inner}}}"),
                        });
                let wrong = File::deserialize(serde_yaml::Deserializer::from_str(&probe));
                let wrong = wrong.map_or_else(|wrong| wrong.to_string(), |_| String::new());
                if wrong.contains("expected one of `accept`, `tag`") {
                    found.push(at.into_iter().map(str::to_owned).collect());
                }
            }
        }
        found
    }

    /// The place in a file with one entry in each list, as a message writes it.
    fn written(place: &[String]) -> String {
        place.join(".").replace(".[]", "[0]")
    }

    fn warnings(place: &[String], answer: &str) -> Vec<String> {
        let mut file = serde_yaml::from_str(NEEDED).unwrap();
        set(&mut file, place, serde_yaml::from_str(answer).unwrap());
        let text = serde_yaml::to_string(&file).unwrap();
        let config = parse("m.yaml".as_ref(), &text).unwrap_or_else(|wrong| panic!("{wrong}"));
        let about = format!("`{}`", written(place));
        let messages = config.warnings.into_iter().map(|warning| warning.message);
        messages.filter(|text| text.starts_with(&about)).collect()
    }

    #[test]
    fn a_warning_says_where_mail_is_thrown_away() {
        let places = places_of_rules();
        assert!(places.len() > 30, "{places:?}");
        for place in &places {
            let of_entry = place.last().is_some_and(|key| key == "action");
            let long = (!of_entry).then_some("{action: discard, monitor: true}");
            for answer in ["discard"].into_iter().chain(long) {
                let says = match place.last().map(String::as_str) {
                    Some("temperror") => "is `discard`, but becomes",
                    _ => "throws mail away",
                };
                let warnings = warnings(place, answer);
                let told = warnings.iter().filter(|text| text.contains(says));
                assert_eq!(told.count(), 1, "{place:?}: {warnings:?}");
            }
            // Other warnings about a place are about something else.
            for action in Action::ALL
                .into_iter()
                .filter(|action| *action != Action::Discard)
            {
                let warnings = warnings(place, action.as_str());
                let told = warnings
                    .iter()
                    .any(|text| text.contains("throws mail away"));
                assert!(!told, "{place:?} {action}: {warnings:?}");
            }
        }
    }
}
