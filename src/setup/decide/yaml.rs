//! Writes `milter.yaml`: only what is not the default, each with its reason.

use std::fmt::Write as _;

use super::{
    super::{
        facts::{Facts, FoundDomain, Mta},
        map_file::Asked,
    },
    networks::NetworkChoice,
    recipients::{Entry, Known, Rest},
    relayed,
};
use crate::milter::ListenAddress;

/// `listen` of a file without it.
const DEFAULT_LISTEN: &str = "inet:8894@127.0.0.1";
/// `local.networks` of a file without it.
const DEFAULT_NETWORKS: [&str; 2] = ["127.0.0.0/8", "::1"];
/// Services of the MTA whose mail is outgoing, where the file does not say.
const ORIGINATING: &str = "ORIGINATING";
/// More servers than these, with the default timeout each, would keep a recipient waiting for too long.
const MAX_WITH_DEFAULT_TIMEOUT: usize = 3;

/// The text of the file.
pub fn text(
    facts: &Facts,
    listen: &ListenAddress,
    ours: &[&FoundDomain],
    networks: &[NetworkChoice],
    entries: &[Entry],
) -> String {
    let mut text = format!(
        "# Backstop for {}, written by `backstop setup`. What you change here, a later set-up leaves as it is.\n\
         # milter.yaml(5) explains each key; keys that are not here have their defaults.\n\n\
         # Backstop judges and logs, adds a header X-Backstop to what it would refuse, and refuses nothing.\n\
         mode: monitor\n\n",
        comment(&facts.host)
    );
    socket(&mut text, listen);
    text.push_str("local:\n");
    local(&mut text, facts, ours, networks);
    forgery(&mut text, facts, ours);
    recipients(&mut text, entries);
    text
}

fn socket(text: &mut String, listen: &ListenAddress) {
    if listen.to_string() == DEFAULT_LISTEN {
        return;
    }
    let _ = writeln!(text, "listen: {}", single_quoted(&listen.to_string()));
    if matches!(listen, ListenAddress::Unix(_)) {
        text.push_str(
            "# The daemon must be in this group, too: SupplementaryGroups=postfix in its unit.\n",
        );
        text.push_str("socket: {mode: 0660, group: postfix}\n");
    }
    text.push('\n');
}

fn local(text: &mut String, facts: &Facts, ours: &[&FoundDomain], networks: &[NetworkChoice]) {
    let mut push = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    if ours.is_empty() {
        push("  domains: []    # none was found".to_owned());
    } else {
        push("  domains:".to_owned());
        for found in ours {
            push(format!(
                "    - {}    # {}",
                quoted(found.domain.as_str()),
                comment(&found.source)
            ));
        }
    }
    let chosen: Vec<_> = networks
        .iter()
        .filter_map(|choice| Some((choice.network.to_string(), choice.decision.as_ref().ok()?)))
        .collect();
    let is_default = chosen
        .iter()
        .map(|(network, _)| network.as_str())
        .eq(DEFAULT_NETWORKS);
    if chosen.is_empty() {
        push("  networks: []    # strangers' mail enters by all of them".to_owned());
    } else if !is_default {
        push("  networks:".to_owned());
        for (network, why) in &chosen {
            push(format!("    - {}    # {}", quoted(network), comment(why)));
        }
    }
    let Mta::Postfix { settings, .. } = &facts.mta else {
        return;
    };
    let delimiter = settings.value("recipient_delimiter");
    if delimiter != "+" {
        push(format!(
            "  recipient_delimiter: {}    # as in main.cf",
            single_quoted(&delimiter)
        ));
    }
    // With this name everywhere, all mail would be outgoing.
    if settings.value("milter_macro_daemon_name") == ORIGINATING {
        push(format!(
            "  daemons: []    # milter_macro_daemon_name in main.cf is {ORIGINATING}, for the mail of strangers as well"
        ));
    }
}

fn forgery(text: &mut String, facts: &Facts, ours: &[&FoundDomain]) {
    let relayed = relayed(facts, ours);
    if relayed.is_empty() {
        return;
    }
    let names: Vec<&str> = relayed.iter().map(|domain| domain.as_str()).collect();
    let _ = write!(
        text,
        "\n# Mail is relayed for {}, and other hosts may send mail for these domains. Once their SPF\n\
         # records name all such hosts, so that the log has no `mail_from_forged` and no `header_from_forged` for their mail,\n\
         # remove `monitor: true`.\n\
         forgery:\n  mail_from: {{action: reject, monitor: true}}\n  header_from: {{action: tag, monitor: true}}\n",
        comment(&names.join(", "))
    );
}

fn recipients(text: &mut String, entries: &[Entry]) {
    if entries.is_empty() {
        return;
    }
    text.push_str("\nrecipients:\n");
    for entry in entries {
        let _ = writeln!(text, "  - domain: {}", quoted(entry.domain.as_str()));
        let servers = entry
            .known
            .iter()
            .filter(|known| matches!(known, Known::Server(..)))
            .count();
        if !entry.known.is_empty() {
            text.push_str("    known:\n");
        }
        for known in &entry.known {
            self::known(text, known, servers);
        }
        if !entry.rules.is_empty() {
            text.push_str("    rules:\n");
        }
        for (pattern, source) in &entry.rules {
            let _ = writeln!(
                text,
                "      - {{match: {}, mail: accept}}    # {}",
                single_quoted(pattern),
                comment(source)
            );
        }
        let _ = match &entry.rest {
            Rest::CatchAll {
                source,
                unread: None,
            } => writeln!(
                text,
                "    # {} takes mail for all other addresses; nobody sends mail from them, so a bounce to one is backscatter.\n    \
                 catch_all: {{mail: accept, bounces: reject}}",
                comment(source)
            ),
            Rest::CatchAll {
                source,
                unread: Some(unread),
            } => writeln!(
                text,
                "    # {} takes mail for all other addresses. Once the lists above are complete, use `bounces: reject`;\n    \
                 # now they lack: {}\n    catch_all: {{mail: accept, bounces: accept}}",
                comment(source),
                comment(unread)
            ),
            Rest::Refused => writeln!(
                text,
                "    # smtpd_reject_unlisted_recipient is off: Postfix would accept all others, and bounce them later.\n    \
                 unknown: {{mail: reject, bounces: reject}}"
            ),
            Rest::LeftToMta(why) => writeln!(text, "    # {}.", comment(why)),
        };
    }
}

fn known(text: &mut String, known: &Known, servers: usize) {
    let (asked, password, source) = match known {
        Known::Addresses(addresses, source) => {
            let addresses: Vec<String> = addresses
                .iter()
                .map(|address| single_quoted(address))
                .collect();
            let _ = writeln!(
                text,
                "      - addresses: [{}]    # {}",
                addresses.join(", "),
                comment(source)
            );
            return;
        }
        Known::Map(path, source) => {
            let path = path.display().to_string();
            let why = if *source == path {
                String::new()
            } else {
                format!("    # {}", comment(source))
            };
            let _ = writeln!(text, "      - postfix_map: {}{why}", quoted(&path));
            return;
        }
        Known::Server(asked, password, source) => (asked, password, source),
    };
    let mut lines = Vec::new();
    let mut push = |key: &str, value: String| lines.push(format!("{key}: {value}"));
    let kind = match asked {
        Asked::Sql {
            url,
            query,
            tls_off,
        } => {
            push("url", single_quoted(url));
            if *tls_off {
                push(
                    "tls",
                    "off    # as Postfix asks it; `verify` is better".to_owned(),
                );
            }
            push("query", single_quoted(query));
            "sql"
        }
        Asked::Ldap {
            url,
            start_tls,
            ca,
            bind_dn,
            base,
            scope,
            filter,
        } => {
            push("url", single_quoted(url));
            if *start_tls {
                push("start_tls", "true".to_owned());
            }
            if let Some(ca) = ca
                .as_ref()
                .filter(|_| *start_tls || url.starts_with("ldaps"))
            {
                push("ca", single_quoted(ca));
            }
            if let Some(bind_dn) = bind_dn {
                push("bind_dn", single_quoted(bind_dn));
            }
            push("base", single_quoted(base));
            push("scope", scope.clone());
            push("filter", single_quoted(filter));
            "ldap"
        }
    };
    if let Some(password) = password {
        push("password_file", quoted(&password.display().to_string()));
    }
    if servers > MAX_WITH_DEFAULT_TIMEOUT {
        push("timeout", format!("{}ms", 10_000 / servers));
    }
    let _ = writeln!(text, "      # {}", comment(source));
    let _ = writeln!(text, "      - {kind}:");
    for line in lines {
        let _ = writeln!(text, "          {line}");
    }
}

/// Plain where YAML can't take it for anything else.
fn quoted(text: &str) -> String {
    let begins = text.starts_with('/')
        || text
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_lowercase());
    let is_plain = text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"./-_".contains(&byte));
    let is_network = text.contains('/') && text.contains('.') && !text.contains(':');
    if (begins && is_plain && text.contains(['.', '/'])) || (is_network && is_plain) {
        text.to_owned()
    } else {
        single_quoted(text)
    }
}

fn single_quoted(text: &str) -> String {
    format!("'{}'", one_line(text).replace('\'', "''"))
}

/// What fits behind a `#`.
fn comment(text: &str) -> String {
    one_line(text)
}

fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_where_they_must_be() {
        for (text, yaml) in [
            ("example.org", "example.org"),
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("192.0.2.1", "'192.0.2.1'"),
            ("::1", "'::1'"),
            ("1e5.example", "'1e5.example'"),
            ("/etc/aliases", "/etc/aliases"),
            ("/etc/a b", "'/etc/a b'"),
            ("it's: #", "'it''s: #'"),
            ("null", "'null'"),
        ] {
            assert_eq!(quoted(text), yaml, "{text}");
            assert_eq!(serde_yaml::from_str::<String>(yaml).unwrap(), text);
        }
    }
}
