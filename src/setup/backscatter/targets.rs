//! What stands behind an alias: addresses and programs.

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// An address, or a name of this host; in small letters.
    Address(String),
    /// A command, without `|` and the quotes around it.
    Program(String),
}

/// Those of a value: commas separate them, and blanks separate addresses. Files and `:include:` are left out.
pub(super) fn targets(value: &str) -> Vec<Target> {
    let mut found = Vec::new();
    for item in items(value) {
        let item = item.trim();
        let inner = item.strip_prefix('"').unwrap_or(item);
        let inner = inner.strip_suffix('"').unwrap_or(inner).trim();
        if let Some(command) = inner.strip_prefix('|') {
            found.push(Target::Program(command.trim().replace("\\\"", "\"")));
            continue;
        }
        let words = inner.split_whitespace();
        let addresses = words.filter(|word| !word.starts_with(['/', ':', '|']));
        found.extend(addresses.map(|word| {
            let word = word.trim_start_matches('\\');
            Target::Address(word.to_ascii_lowercase())
        }));
    }
    found
}

/// The addresses alone.
pub(super) fn addresses(value: &str) -> impl Iterator<Item = String> {
    targets(value)
        .into_iter()
        .filter_map(|target| match target {
            Target::Address(address) => Some(address),
            Target::Program(_) => None,
        })
}

/// Between commas that are in no quotes.
fn items(value: &str) -> Vec<String> {
    let (mut found, mut item) = (Vec::new(), String::new());
    let (mut quoted, mut escaped) = (false, false);
    for c in value.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                found.push(std::mem::take(&mut item));
                continue;
            }
            _ => {}
        }
        item.push(c);
    }
    found.push(item);
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_and_programs() {
        let shown = |value: &str| -> Vec<String> {
            let shown = targets(value).into_iter().map(|target| match target {
                Target::Address(address) => address,
                Target::Program(command) => format!("run {command}"),
            });
            shown.collect()
        };
        for (value, expected) in [
            ("joe, Ann@Example.org", &["joe", "ann@example.org"][..]),
            ("joe ann", &["joe", "ann"]),
            (
                r#"\joe, "|/usr/bin/vacation -a joe@x.example joe""#,
                &["joe", "run /usr/bin/vacation -a joe@x.example joe"],
            ),
            ("|/usr/bin/procmail", &["run /usr/bin/procmail"]),
            (
                r#""|IFS=' ' && exec a \"b\"""#,
                &[r#"run IFS=' ' && exec a "b""#],
            ),
            ("/var/mail/joe, :include:/etc/list", &[]),
            ("", &[]),
        ] {
            assert_eq!(shown(value), expected, "{value}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(\"|\\\\|,|\\||@|é| |a){0,24}") {
            let _ = targets(&text);
        }
    }
}
