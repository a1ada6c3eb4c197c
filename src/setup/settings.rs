//! Postfix's parameters, from `postconf` or from main.cf itself, with `$name` expanded.

use std::collections::{BTreeMap, BTreeSet};

use super::lines::{assignment, logical_lines, words};

/// How deep names may stand in values of others. Postfix stops at 100.
const DEEPEST: usize = 30;
/// How many references are followed for one value: names that stand in each other would have no end.
const MAX_REFERENCES: usize = 10_000;

/// Where smtpd lets a client in or refuses it, in the order of a session.
pub const RESTRICTIONS: [&str; 7] = [
    "smtpd_client_restrictions",
    "smtpd_helo_restrictions",
    "smtpd_sender_restrictions",
    "smtpd_relay_restrictions",
    "smtpd_recipient_restrictions",
    "smtpd_data_restrictions",
    "smtpd_end_of_data_restrictions",
];

/// postconf(5), for what is read here, where no `postconf` can be asked.
const DEFAULTS: &[(&str, &str)] = &[
    ("alias_maps", "hash:/etc/aliases"),
    ("compatibility_level", "0"),
    ("config_directory", "/etc/postfix"),
    ("default_database_type", "hash"),
    ("default_transport", "smtp"),
    ("delay_warning_time", "0h"),
    (
        "local_recipient_maps",
        "proxy:unix:passwd.byname $alias_maps",
    ),
    ("local_transport", "local:$myhostname"),
    ("mailbox_size_limit", "51200000"),
    ("maximal_queue_lifetime", "5d"),
    ("message_size_limit", "10240000"),
    ("milter_default_action", "tempfail"),
    ("milter_macro_daemon_name", "$myhostname"),
    ("milter_protocol", "6"),
    (
        "mydestination",
        "$myhostname, localhost.$mydomain, localhost",
    ),
    ("myorigin", "$myhostname"),
    (
        "mynetworks_style",
        "${{$compatibility_level} < {2} ? {subnet} : {host}}",
    ),
    ("queue_directory", "/var/spool/postfix"),
    (
        "relay_domains",
        "${{$compatibility_level} < {2} ? {$mydestination} : {}}",
    ),
    ("relay_transport", "relay"),
    ("smtpd_reject_unlisted_recipient", "yes"),
    (
        "smtpd_relay_restrictions",
        "${{$compatibility_level} <level {1} ? {} : {permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination}}",
    ),
    ("unverified_recipient_reject_code", "450"),
    ("virtual_alias_domains", "$virtual_alias_maps"),
    ("virtual_alias_maps", "$virtual_maps"),
    ("virtual_mailbox_limit", "51200000"),
    ("virtual_transport", "virtual"),
];

/// Parameters and their values.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    values: BTreeMap<String, String>,
    /// Those that main.cf sets.
    set: BTreeSet<String>,
    /// Where it sets them: lines from 1.
    lines: BTreeMap<String, usize>,
    /// Those that this Postfix has; empty if it could not be asked.
    known: BTreeSet<String>,
}

impl Settings {
    /// `all` is what `postconf` prints, `set` what `postconf -n` prints.
    pub fn of_postconf(all: &str, set: &str) -> Self {
        let pairs = |text: &str| -> BTreeMap<String, String> {
            let lines = text.lines().filter_map(assignment);
            lines
                .map(|(name, value)| (name.to_owned(), value))
                .collect()
        };
        let mut values = pairs(all);
        let known = values.keys().cloned().collect();
        let set = pairs(set);
        values.extend(set.clone());
        Self {
            values,
            set: set.into_keys().collect(),
            lines: BTreeMap::new(),
            known,
        }
    }

    /// The parameters of a main.cf, beside the defaults. `host` is the name of the host.
    pub fn of_main_cf(text: &str, host: &str) -> Self {
        let defaults = DEFAULTS.iter().copied().chain([("myhostname", host)]);
        let mut values: BTreeMap<String, String> = defaults
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let mut set = BTreeSet::new();
        for line in logical_lines(text) {
            if let Some((name, value)) = assignment(&line.text) {
                set.insert(name.to_owned());
                values.insert(name.to_owned(), value);
            }
        }
        let mut settings = Self {
            values,
            set,
            lines: lines(text),
            known: BTreeSet::new(),
        };
        let name = settings.value("myhostname");
        let above = name
            .split_once('.')
            .map_or("localdomain", |(_, above)| above);
        let above = above.to_owned();
        settings
            .values
            .entry("mydomain".to_owned())
            .or_insert(above);
        settings
    }

    /// The same with the lines of this main.cf.
    #[must_use]
    pub fn with_lines_of(mut self, text: &str) -> Self {
        self.lines = lines(text);
        self
    }

    /// Where main.cf sets it: a line, from 1.
    pub fn line(&self, name: &str) -> Option<usize> {
        self.lines.get(name).copied()
    }

    /// The same where a service of master.cf has `-o` of its own.
    #[must_use]
    pub fn with(&self, overrides: &[(String, String)]) -> Self {
        let mut settings = self.clone();
        for (name, value) in overrides {
            settings.set.insert(name.clone());
            settings.values.insert(name.clone(), value.clone());
        }
        settings
    }

    /// Whether main.cf sets it.
    pub fn is_set(&self, name: &str) -> bool {
        self.set.contains(name)
    }

    /// Whether this Postfix has such a parameter; none if it could not be asked.
    pub fn knows(&self, name: &str) -> Option<bool> {
        (!self.known.is_empty()).then(|| self.known.contains(name))
    }

    /// As it stands in the file.
    pub fn raw(&self, name: &str) -> &str {
        self.values.get(name).map_or("", String::as_str)
    }

    /// Expanded; empty where there is none.
    pub fn value(&self, name: &str) -> String {
        self.expanded(self.raw(name)).trim().to_owned()
    }

    /// The words of its value.
    pub fn words(&self, name: &str) -> Vec<String> {
        words(&self.value(name))
    }

    /// Whether it is `yes`.
    pub fn is_on(&self, name: &str) -> bool {
        self.value(name).eq_ignore_ascii_case("yes")
    }

    /// Major and minor version, if `postconf` said it.
    pub fn version(&self) -> Option<(u32, u32)> {
        let version = self.raw("mail_version");
        let mut numbers = version.split(|c: char| !c.is_ascii_digit());
        Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
    }

    fn expanded(&self, text: &str) -> String {
        let left = MAX_REFERENCES;
        Expansion {
            settings: self,
            left,
        }
        .expanded(text, 0)
    }
}

/// The line of each parameter: the last that sets it.
fn lines(text: &str) -> BTreeMap<String, usize> {
    let logical = logical_lines(text).into_iter();
    let line = logical.filter_map(|line| {
        let (name, _) = assignment(&line.text)?;
        Some((name.to_owned(), line.lines.first()? + 1))
    });
    line.collect()
}

struct Expansion<'a> {
    settings: &'a Settings,
    left: usize,
}

impl Expansion<'_> {
    fn expanded(&mut self, text: &str, depth: usize) -> String {
        let mut found = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            let (before, behind) = rest.split_at(at);
            found.push_str(before);
            let behind = behind.get(1..).unwrap_or_default();
            rest = self.reference(behind, depth, &mut found);
        }
        found + rest
    }

    /// Expands what stands behind a `$`, and gives the rest.
    fn reference<'a>(&mut self, text: &'a str, depth: usize, found: &mut String) -> &'a str {
        if let Some(rest) = text.strip_prefix('$') {
            found.push('$');
            return rest;
        }
        let (inner, rest) = match text.chars().next() {
            Some('{') => split_at_close(text, '{', '}'),
            Some('(') => split_at_close(text, '(', ')'),
            _ => {
                let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                text.split_at(end.unwrap_or(text.len()))
            }
        };
        if depth < DEEPEST && self.left > 0 {
            self.left -= 1;
            found.push_str(&self.expression(inner.trim(), depth + 1));
        }
        rest
    }

    /// `name`, `name?text`, `name:text`, `name?{text}:{text}`, and the same with a comparison in place of the name.
    fn expression(&mut self, text: &str, depth: usize) -> String {
        let (is_true, rest) = if text.starts_with('{') {
            let (left, rest) = split_at_close(text, '{', '}');
            let rest = rest.trim_start();
            let end = rest.find('{').unwrap_or(rest.len());
            let (operator, rest) = rest.split_at(end);
            let (right, rest) = split_at_close(rest, '{', '}');
            let (left, right) = (
                self.expanded(left.trim(), depth),
                self.expanded(right.trim(), depth),
            );
            let operator = operator.trim().trim_end_matches("level").trim_end();
            (compared(&left, operator, &right), rest)
        } else {
            let end = text.find(['?', ':']).unwrap_or(text.len());
            let (name, rest) = text.split_at(end);
            let value = self.expanded(self.settings.raw(name.trim()), depth);
            if rest.is_empty() {
                return value;
            }
            (!value.trim().is_empty(), rest)
        };
        let rest = rest.trim_start();
        let (then, other) = match rest.strip_prefix('?') {
            Some(rest) => {
                let rest = rest.trim_start();
                if rest.starts_with('{') {
                    let (then, rest) = split_at_close(rest, '{', '}');
                    (
                        then,
                        rest.trim_start().strip_prefix(':').unwrap_or_default(),
                    )
                } else {
                    (rest, "")
                }
            }
            None => ("", rest.strip_prefix(':').unwrap_or_default()),
        };
        let other = other.trim();
        let other = match other.starts_with('{') {
            true => split_at_close(other, '{', '}').0,
            false => other,
        };
        let chosen = if is_true { then } else { other };
        self.expanded(chosen.trim(), depth)
    }
}

fn compared(left: &str, operator: &str, right: &str) -> bool {
    let numbers = |text: &str| -> Option<Vec<u64>> {
        text.split('.').map(|part| part.parse().ok()).collect()
    };
    let order = match (numbers(left), numbers(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        _ => left.cmp(right),
    };
    match operator {
        "==" => order.is_eq(),
        "!=" => order.is_ne(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        ">=" => order.is_ge(),
        _ => false,
    }
}

/// What stands between an opening mark, with which the text begins, and the one that closes it; and what comes behind.
fn split_at_close(text: &str, open: char, close: char) -> (&str, &str) {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        if c == open {
            depth += 1;
        } else if c == close {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                let inner = text.get(open.len_utf8()..at).unwrap_or_default();
                return (inner, text.get(at + close.len_utf8()..).unwrap_or_default());
            }
        }
    }
    (text.strip_prefix(open).unwrap_or(text), "")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAIN: &str = "
myhostname = mx.example.org
# comment
mynetworks = 127.0.0.0/8,
   10.0.0.0/8
empty =
self = a $self
virtual_alias_maps = hash:$config_directory/virtual
";

    #[test]
    fn values_expand_as_postfix_expands_them() {
        let settings = Settings::of_main_cf(MAIN, "localhost");
        for (text, value) in [
            ("$myhostname", "mx.example.org"),
            ("$mydomain", "example.org"),
            ("a.${mydomain}b", "a.example.orgb"),
            ("$(mydomain)", "example.org"),
            ("$$x", "$x"),
            ("$nothing", ""),
            ("${empty?yes}", ""),
            ("${empty:no}", "no"),
            ("${myhostname?yes}", "yes"),
            ("${empty?{a}:{b}}", "b"),
            ("${myhostname ? {a} : {b}}", "a"),
            (
                "${{$compatibility_level} <level {2} ? {old} : {new}}",
                "old",
            ),
            ("${{3.10} >= {3.9} ? {x} : {y}}", "x"),
            ("${{$process_name} == {cleanup} ? {pcre:/x} : {}}", ""),
            ("${unclosed", ""),
            (
                "$relay_domains",
                "mx.example.org, localhost.example.org, localhost",
            ),
            ("$virtual_alias_domains", "hash:/etc/postfix/virtual"),
        ] {
            assert_eq!(settings.expanded(text).trim(), value, "{text}");
        }
        assert_eq!(settings.words("mynetworks"), ["127.0.0.0/8", "10.0.0.0/8"]);
        assert!(settings.is_set("empty") && !settings.is_set("mydomain"));
        assert!(settings.value("self").len() < 200);
    }

    #[test]
    fn what_postconf_prints() {
        let all = "mail_version = 3.7.11\nmydestination = $myhostname\nmyhostname = a.example\n";
        let settings =
            Settings::of_postconf(all, "myhostname = mx.example.org\nbackstop_milter = x\n");
        assert_eq!(settings.version(), Some((3, 7)));
        assert_eq!(settings.value("mydestination"), "mx.example.org");
        assert_eq!(
            settings.knows("smtpd_forbid_unauth_pipelining"),
            Some(false)
        );
        assert_eq!(settings.knows("backstop_milter"), Some(false));
        let overridden = settings.with(&[("myhostname".to_owned(), "b.example".to_owned())]);
        assert_eq!(overridden.value("mydestination"), "b.example");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_text_makes_it_panic(text in "(\\$|\\{|\\}|\\(|\\)|\\?|:|=|<| |a|é|\\$self|\\$\\{self\\}){0,24}") {
            let settings = Settings::of_main_cf(&format!("self = {text}\n"), "h");
            let _ = settings.value("self");
            let _ = settings.expanded(&text);
        }
    }
}
