//! Edits of configuration files, line by line: comments and the order of lines stay, and each edit can be taken back by
//! itself.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::super::{
    decide::{Change, What},
    lines::{assignment, logical_lines},
    master::services,
};

/// A word that stands in every line of ours that asks the daemon.
const OURS: [&str; 2] = ["backstop_milter", "`backstop'"];

/// Lines that came in place of others. They end as in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hunk {
    old: Vec<String>,
    new: Vec<String>,
}

/// A text with the changes, and how it came to it.
///
/// # Errors
/// A change that has no place in this text.
pub fn edited<'a>(
    text: &str,
    changes: impl Iterator<Item = &'a Change>,
) -> Result<(String, Vec<Hunk>), String> {
    let mut editing = Editing {
        lines: text.split_inclusive('\n').map(str::to_owned).collect(),
        hunks: Vec::new(),
        has_header: false,
    };
    for change in changes {
        editing.change(&change.what)?;
    }
    Ok((editing.lines.concat(), editing.hunks))
}

/// A text of which the changes are taken back, although other lines are not as they were.
///
/// # Errors
/// What of ours is there in another form.
pub fn undone(text: &str, hunks: &[Hunk]) -> Result<String, String> {
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    let mut lost = Vec::new();
    for Hunk { old, new } in hunks.iter().rev() {
        let found = lines
            .windows(new.len().max(1))
            .rposition(|window| window == new.as_slice());
        match found {
            Some(at) => {
                lines.splice(at..at + new.len(), old.iter().cloned());
            }
            None => lost.push(new),
        }
    }
    let left: Vec<String> = (lines.iter().enumerate())
        .filter(|(_, line)| OURS.iter().any(|word| line.contains(word)))
        .map(|(number, line)| format!("{}: {}", number + 1, line.trim_end()))
        .collect();
    if left.is_empty() {
        return Ok(lines.concat());
    }
    let lost: Vec<String> = lost
        .into_iter()
        .flatten()
        .map(|line| format!("- {}", line.trim_end()))
        .collect();
    let left = left.iter().map(|line| format!("+ {line}"));
    let shown: Vec<String> = lost.into_iter().chain(left).collect();
    Err(shown.join("\n"))
}

struct Editing {
    lines: Vec<String>,
    hunks: Vec<Hunk>,
    has_header: bool,
}

impl Editing {
    fn change(&mut self, what: &What) -> Result<(), String> {
        match what {
            What::Parameter { name, value } => {
                self.set(name, value);
                Ok(())
            }
            What::Option {
                service,
                name,
                value,
            } => {
                let pair = match value.contains([' ', '{']) {
                    true => format!("  -o {{ {name} = {value} }}\n"),
                    false => format!("  -o {name}={value}\n"),
                };
                let own = self.lines_of(service)?;
                let last = own.into_iter().max().unwrap_or_default();
                self.insert(last + 1, vec![pair]);
                Ok(())
            }
            What::First { service } => self.put_first(service),
            What::Mc { line } => {
                let begins = |words: &[&str]| {
                    let is_one = |line: &String| {
                        words.iter().any(|word| line.trim_start().starts_with(word))
                    };
                    self.lines.iter().position(is_one)
                };
                let at = begins(&["INPUT_MAIL_FILTER(", "MAIL_FILTER("])
                    .or_else(|| begins(&["MAILER("]));
                let at =
                    at.ok_or("sendmail.mc has no line MAILER(...) that ours could stand before")?;
                self.insert(at, vec![format!("{line}\n")]);
                Ok(())
            }
        }
    }

    /// postconf -e: the last line counts. Comments between its lines are kept below it.
    fn set(&mut self, name: &str, value: &str) {
        let line = format!("{name} = {value}\n");
        let text = self.lines.concat();
        let logical = logical_lines(&text).into_iter().rev();
        let is_it = |text: &str| assignment(text).is_some_and(|(one, _)| one == name);
        let mut found = logical.filter(|one| is_it(&one.text));
        if let Some(one) = found.next()
            && let (Some(&first), Some(&last)) = (one.lines.first(), one.lines.last())
        {
            let between = (first..=last).filter(|number| !one.lines.contains(number));
            let kept = between.filter_map(|number| self.lines.get(number).cloned());
            let new = std::iter::once(line).chain(kept).collect();
            self.replace(first..last + 1, new);
            return;
        }
        let mut new = Vec::new();
        if !self.has_header {
            self.has_header = true;
            new.push("\n".to_owned());
            new.push("# Backstop. `backstop setup --undo` takes these lines out.\n".to_owned());
        }
        new.push(line);
        self.insert(self.lines.len(), new);
    }

    fn lines_of(&self, service: &str) -> Result<Vec<usize>, String> {
        let found = services(&self.lines.concat())
            .into_iter()
            .find(|one| one.name == service);
        found
            .map(|service| service.lines)
            .ok_or_else(|| format!("master.cf has no service {service} any more"))
    }

    fn put_first(&mut self, service: &str) -> Result<(), String> {
        let own = self.lines_of(service)?;
        let found = own.into_iter().rev().find_map(|number| {
            let line = self.lines.get(number)?;
            let (at, name) = line.match_indices("smtpd_milters").find(|(at, _)| {
                line.get(..*at)
                    .is_some_and(|before| before.ends_with([' ', '\t', '{', 'o']))
            })?;
            let behind = line.get(at + name.len()..)?;
            let equals = behind.find('=').filter(|equals| {
                behind
                    .get(..*equals)
                    .is_some_and(|gap| gap.trim().is_empty())
            })?;
            let value = behind.get(equals + 1..)?;
            let blanks = value.len() - value.trim_start_matches([' ', '\t']).len();
            Some((number, at + name.len() + equals + 1 + blanks))
        });
        let (number, at) = found.ok_or_else(|| {
            format!("smtpd_milters of {service} in master.cf is in a form that is not understood")
        })?;
        let line = self.lines.get(number).cloned().unwrap_or_default();
        let (before, behind) = line.split_at(at);
        self.replace(
            number..number + 1,
            vec![format!("{before}$backstop_milter,{behind}")],
        );
        Ok(())
    }

    fn insert(&mut self, at: usize, new: Vec<String>) {
        // The last line may have no end.
        if let Some(before) = at.checked_sub(1)
            && let Some(line) = self.lines.get(before)
            && !line.ends_with('\n')
        {
            let ended = std::iter::once(format!("{line}\n"));
            self.replace(before..at, ended.chain(new).collect());
        } else {
            self.replace(at..at, new);
        }
    }

    fn replace(&mut self, range: Range<usize>, new: Vec<String>) {
        let old = self.lines.splice(range, new.clone()).collect();
        self.hunks.push(Hunk { old, new });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(what: What) -> Change {
        let reason = String::new();
        Change { what, reason }
    }

    fn parameter(name: &str, value: &str) -> Change {
        let (name, value) = (name.to_owned(), value.to_owned());
        change(What::Parameter { name, value })
    }

    const MAIN: &str =
        "# first\nsmtpd_milters = inet:a:1,\n# why\n  inet:b:2\n\nmyhostname=x\r\nlast = y";

    #[test]
    fn comments_and_order_survive() {
        let changes = [
            parameter(
                "backstop_milter",
                "{ inet:127.0.0.1:8894, default_action=tempfail }",
            ),
            parameter("smtpd_milters", "$backstop_milter, inet:a:1, inet:b:2"),
            parameter("non_smtpd_milters", "$smtpd_milters"),
        ];
        let (text, hunks) = edited(MAIN, changes.iter()).unwrap();
        assert_eq!(
            text,
            "# first\nsmtpd_milters = $backstop_milter, inet:a:1, inet:b:2\n# why\n\nmyhostname=x\r\nlast = y\n\n\
             # Backstop. `backstop setup --undo` takes these lines out.\n\
             backstop_milter = { inet:127.0.0.1:8894, default_action=tempfail }\nnon_smtpd_milters = $smtpd_milters\n"
        );
        assert_eq!(undone(&text, &hunks).unwrap(), MAIN);
        // Others changed other lines, and even removed one of ours.
        let later = text
            .replace("myhostname=x", "myhostname=z")
            .replace("non_smtpd_milters = $smtpd_milters\n", "");
        assert_eq!(undone(&later, &hunks).unwrap(), MAIN.replace("=x", "=z"));
        let changed = text.replace(
            "smtpd_milters = $backstop_milter, inet:a:1, inet:b:2",
            "smtpd_milters = $backstop_milter",
        );
        let conflict = undone(&changed, &hunks).unwrap_err();
        assert!(
            conflict.contains("- smtpd_milters = $backstop_milter, inet:a:1"),
            "{conflict}"
        );
        assert!(
            conflict.contains("+ 2: smtpd_milters = $backstop_milter"),
            "{conflict}"
        );
    }

    const MASTER: &str = "smtp inet n - y - - smtpd\n#comment\nsubmission inet n - y - - smtpd\n  -o smtpd_milters=inet:c:3\n#  -o x=y\n\n127.0.0.1:10025 inet n - n - - smtpd\n  -o content_filter=\n  -o { smtpd_milters = inet:d:4, inet:e:5 }\nlast unix - - - - - error";

    #[test]
    fn services_keep_their_own_options() {
        let option = |service: &str, value: &str| {
            change(What::Option {
                service: service.to_owned(),
                name: "backstop_milter".to_owned(),
                value: value.to_owned(),
            })
        };
        let first = |service: &str| {
            change(What::First {
                service: service.to_owned(),
            })
        };
        let changes = [
            first("submission/inet"),
            option(
                "submission/inet",
                "{ inet:127.0.0.1:8894, default_action=accept }",
            ),
            first("127.0.0.1:10025/inet"),
            option("last/unix", ""),
        ];
        let (text, hunks) = edited(MASTER, changes.iter()).unwrap();
        for line in [
            "  -o smtpd_milters=$backstop_milter,inet:c:3\n  -o { backstop_milter = { inet:127.0.0.1:8894, default_action=accept } }\n#  -o x=y\n",
            "  -o { smtpd_milters = $backstop_milter,inet:d:4, inet:e:5 }\n",
            "last unix - - - - - error\n  -o backstop_milter=\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
        assert_eq!(undone(&text, &hunks).unwrap(), MASTER);
        let gone = edited(MASTER, [first("other/inet")].iter()).unwrap_err();
        assert!(gone.contains("other/inet"), "{gone}");
    }

    #[test]
    fn filters_of_sendmail_come_before_others() {
        let ours = change(What::Mc {
            line: "INPUT_MAIL_FILTER(`backstop', `S=inet:8894@127.0.0.1')dnl".to_owned(),
        });
        for mc in [
            "FEATURE(`x')dnl\nMAILER(`smtp')dnl\n",
            "INPUT_MAIL_FILTER(`a', `S=b')dnl\nMAILER(`local')\n",
        ] {
            let (text, hunks) = edited(mc, [&ours].into_iter()).unwrap();
            let (ours, other) = (text.find("backstop").unwrap(), text.rfind("MAIL").unwrap());
            assert!(ours < other && !text.starts_with("MAILER"), "{text}");
            assert_eq!(undone(&text, &hunks).unwrap(), mc);
        }
        assert!(edited("divert(0)\n", [&ours].into_iter()).is_err());
    }
}
