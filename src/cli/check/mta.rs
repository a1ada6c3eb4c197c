//! Where the file and the MTA of this host disagree about whose mail is whose, and what the MTA bounces that it has accepted.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use tokio::time::timeout;

use crate::{
    config::Config,
    core::{
        address::Domain, pattern::DomainPattern, policy::Modes,
        recipients::Class as RecipientClass, verdict::Mode,
    },
    setup::{
        Machine, backscatter, decide,
        facts::{Class, Facts, FoundDomain},
        gather,
    },
};

use super::problem::Problem;

/// How long reading it may take: files, and tables that ask servers.
const PATIENCE: Duration = Duration::from_secs(20);

/// How many warnings of one kind are shown.
const MAX_OF_A_KIND: usize = 20;

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// What is to be known.
    pub(super) known: Vec<String>,
    /// What is probably wrong.
    pub(super) warnings: Vec<Problem>,
}

/// Looks at the MTA, if there is one; with `bounces` also for what it bounces that it has accepted.
///
/// # Errors
/// There is one, and it can't be read.
pub(super) async fn look(config: &Config, bounces: bool) -> Result<Seen, String> {
    let machine = Machine::default();
    if !gather::has_mta(&machine).await {
        let nothing = "MTA: neither Postfix nor Sendmail is on this host".to_owned();
        return Ok(Seen {
            known: bounces.then_some(nothing).into_iter().collect(),
            warnings: Vec::new(),
        });
    }
    let read = timeout(PATIENCE, gather::facts(&machine, &[], &config.dns)).await;
    let facts =
        read.map_err(|_elapsed| format!("reading it took longer than {} s", PATIENCE.as_secs()))??;
    let warnings = warnings(config, &facts).into_iter();
    let mut seen = Seen {
        known: Vec::new(),
        warnings: warnings.map(Problem::from).collect(),
    };
    if bounces {
        let found = backscatter::findings(&facts, &refused(config, &facts));
        // What nobody could look at may make bounces all the same.
        let unread = facts.unread.iter();
        seen.known
            .extend(unread.map(|what| format!("MTA: not read: {what}")));
        if found.is_empty() {
            let nothing = "MTA: nothing was found that makes it bounce mail which it has accepted";
            seen.known.push(nothing.to_owned());
        }
        seen.warnings.extend(found.into_iter().map(Problem::from));
    }
    Ok(seen)
}

/// The domains of the MTA in which the file has mail to unknown addresses refused; none where a client may not want that.
fn refused(config: &Config, facts: &Facts) -> BTreeSet<Domain> {
    let policy = &config.policy;
    if policy.modes() != Modes::One(Mode::Enforce) {
        return BTreeSet::new();
    }
    let domains = facts.domains.iter().map(|found| &found.domain);
    let strict = domains.filter(|domain| {
        let entry = policy.recipients.entry(domain, &policy.local.domains);
        entry.is_some_and(|(_, entry)| {
            let rule = entry.rest_answer.mail;
            entry.rest == RecipientClass::Unknown && rule.action.acts() && !rule.monitor
        })
    });
    strict.cloned().collect()
}

fn warnings(config: &Config, facts: &Facts) -> Vec<String> {
    let mut warnings = networks(config, facts);
    warnings.extend(domains(config, facts));
    warnings
}

fn networks(config: &Config, facts: &Facts) -> Vec<String> {
    let listed = &config.policy.local.networks;
    let choices = decide::networks(facts).into_iter();
    let lacking = choices.filter_map(|choice| {
        let why = choice.decision.ok()?;
        let is_there = listed.iter().any(|network| network.covers(&choice.network));
        (!is_there).then(|| {
            format!(
                "`local.networks` lacks {} ({why}), so mail from there is judged as a stranger's; add it, if these are hosts of \
                 yours",
                choice.network
            )
        })
    });
    lacking.collect()
}

fn domains(config: &Config, facts: &Facts) -> Vec<String> {
    let local = &config.policy.local;
    let (ours, _) = decide::domains(facts);
    let lacking = ours.iter().filter(|found| !local.is_ours(&found.domain));
    let lacking = lacking.map(|found| {
        format!(
            "`local.domains` lacks {}, for which the MTA receives mail ({}); without it, mail that forges it is not recognised",
            found.domain, found.source
        )
    });
    let mut warnings = bounded(lacking.collect());
    let of_mta: HashMap<&Domain, &FoundDomain> = facts
        .domains
        .iter()
        .map(|found| (&found.domain, found))
        .collect();
    let (mut backups, mut unknown) = (Vec::new(), Vec::new());
    for pattern in local.domains.iter() {
        let DomainPattern::Itself(domain) = pattern else {
            continue;
        };
        match of_mta.get(domain) {
            Some(found) if found.class == Class::Relay && found.next_hop.is_none() => backups.push(format!(
                "`local.domains` has {domain}, for which this host is only a backup MX ({}): its mail comes from elsewhere, \
                 too, and would be refused as forged",
                found.source
            )),
            Some(_) => {}
            None if facts.all_domains_read => unknown.push(format!(
                "`local.domains` has {domain}, for which the MTA does not receive mail; remove it, unless your users send with it"
            )),
            None => {}
        }
    }
    warnings.extend(bounded(backups));
    warnings.extend(bounded(unknown));
    warnings
}

/// The first of many warnings of one kind, and how many more there are.
fn bounded(mut warnings: Vec<String>) -> Vec<String> {
    let more = warnings.len().saturating_sub(MAX_OF_A_KIND);
    warnings.truncate(MAX_OF_A_KIND);
    if more > 0 {
        warnings.push(format!("the same holds for {more} more domains"));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config;

    #[tokio::test]
    async fn what_the_file_lacks_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("etc/postfix/master.cf", "smtp inet n - n - - smtpd\n");
        write(
            "var/log/mail.log",
            "Nov 29 10:00:00 mx postfix/smtpd[1]: AAAAAA: client=a[192.0.2.1]\n",
        );
        let main = "compatibility_level = 3.6\nmyhostname = mx.example.org\nmydestination = example.org, localhost\n\
                    relay_domains = relayed.example, backup.example\ntransport_maps = inline:{ relayed.example=smtp:[10.1.0.1] }\n\
                    mynetworks = 127.0.0.0/8 10.1.0.0/16 198.51.100.0/24\n";
        let all = "local: {domains: [example.org, relayed.example], networks: [127.0.0.0/8, '::1', 10.0.0.0/8]}\n";
        for (main, yaml, expected) in [
            (main.to_owned(), all, &[][..]),
            (
                main.to_owned(),
                "local: {domains: [example.org, backup.example, other.example]}\n",
                &[
                    "`local.networks` lacks 10.1.0.0/16",
                    "`local.domains` lacks relayed.example",
                    "`local.domains` has backup.example, for which this host is only a backup MX",
                    "`local.domains` has other.example, for which the MTA does not receive",
                ],
            ),
            // Some domains are in a table that can't be listed.
            (
                format!("{main}virtual_mailbox_domains = ldap:/etc/postfix/domains.cf\n"),
                "local: {domains: [example.org, relayed.example, other.example], networks: [127.0.0.0/8, '::1', 10.1.0.0/16]}\n",
                &[],
            ),
        ] {
            write("etc/postfix/main.cf", &main);
            let machine = Machine {
                root: Some(folder.path().to_owned()),
                postfix: None,
            };
            let facts = gather::facts(&machine, &[], &Default::default())
                .await
                .unwrap();
            let config = config::parse(Path::new("m.yaml"), yaml).unwrap();
            let found = warnings(&config, &facts);
            assert_eq!(found.len(), expected.len(), "{found:#?}");
            for (found, expected) in found.iter().zip(expected) {
                assert!(found.starts_with(expected), "{found}");
            }
        }
    }
}
