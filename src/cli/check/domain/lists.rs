//! The lists of recipients of one domain, and whether each answers now.

use super::{Problem, in_entry, settings::Settings};
use crate::{
    config::{At, Config},
    core::{address::Domain, local::Domains, pattern::DomainPattern, recipients::Scope},
    directory::{Directory, DomainSources, Source, Weight},
};

/// Shows each list of an entry of `recipients`, as it answers for this domain.
pub(super) async fn lists(
    config: &Config,
    (number, domain): (usize, &Domain),
    offline: bool,
    settings: &mut Settings<'_>,
    problems: &mut Vec<Problem>,
) {
    let Some(entry) = config.directories.get(number) else {
        return;
    };
    for (place, source) in entry.sources.iter().enumerate() {
        let at = in_entry(number, &[At::Key("known"), At::Item(place)]);
        let key = "recipients.known";
        match source {
            Source::Addresses(addresses) => {
                settings.found(
                    key,
                    format!("{} addresses in this file", addresses.len()),
                    &at,
                );
            }
            Source::File(_) | Source::PostfixMap(_) => {
                match read(of_this(domain, entry, source)).await {
                    Ok(says) => settings.found(key, says, &at),
                    Err(why) => problems.push(why.into()),
                }
            }
            Source::Sql(sql) if offline => settings.found(key, sql.url.to_string(), &at),
            Source::Ldap(ldap) if offline => settings.found(key, ldap.url.to_string(), &at),
            Source::Sql(_) | Source::Ldap(_) => match asked(of_this(domain, entry, source)).await {
                Ok(says) => settings.found(key, says, &at),
                Err(why) => problems.push(why.into()),
            },
        }
    }
}

/// A directory with this list alone, for this domain alone.
fn of_this(domain: &Domain, entry: &DomainSources, source: &Source) -> Directory {
    Directory::new(vec![DomainSources {
        scope: Scope::Named(DomainPattern::Itself(domain.clone())),
        sources: vec![source.clone()],
        answers_rest: entry.answers_rest,
    }])
}

async fn read(directory: Directory) -> Result<String, String> {
    // Reading files blocks.
    let read = tokio::task::spawn_blocking(move || directory.refresh()).await;
    let event = read.unwrap_or_default().into_iter().next();
    let event = event.ok_or("the list was not read")?;
    match event.weight() {
        Weight::News | Weight::Warning => Ok(event.to_string()),
        Weight::Problem => Err(event.to_string()),
    }
}

async fn asked(directory: Directory) -> Result<String, String> {
    let answer = directory.probe(&Domains::default()).await.pop();
    let (name, answer) = answer.ok_or("the server was not asked")?;
    match answer {
        Ok(time) => Ok(format!("{name}: answers in {} ms", time.as_millis())),
        Err(why) => Err(format!("directory {name}: {why}")),
    }
}
