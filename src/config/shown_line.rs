//! A line of `milter.yaml` without passwords: error messages may go to a log that others read.

use std::iter;

/// The line with this number, from 1. Each character of a password becomes a star, so that marks stay in place. Empty
/// if there is no such line.
pub(super) fn shown_line(text: &str, number: usize) -> String {
    let mut before: Vec<&str> = lines(text).take(number).collect();
    match before.pop() {
        Some(line) if before.len() + 1 == number => {
            if is_below_password(&before, line) {
                let value = line.trim_start();
                let indent = line.len() - value.len();
                let stars = iter::repeat_n('*', value.chars().count());
                line.chars().take(indent).chain(stars).collect()
            } else {
                without_passwords(line)
            }
        }
        _ => String::new(),
    }
}

/// The last line and its number. No line begins at the end of the file.
pub(super) fn last_line(text: &str) -> Option<(usize, &str)> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    let (above, last) = lines(text).enumerate().last()?;
    Some((above + 1, last))
}

/// YAML ends a line at CR, LF, or both.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n')
        .flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}

/// Whether a line belongs to a password that begins above it: it is indented further.
fn is_below_password(before: &[&str], line: &str) -> bool {
    let mut indent = key_column(line);
    for above in before.iter().rev() {
        let key = above.trim_start();
        if key.is_empty() || key.starts_with('#') || key_column(above) >= indent {
            continue;
        }
        indent = key_column(above);
        if password_values(above).next().is_some() {
            return true;
        }
    }
    false
}

/// The column of the key in a line, after any `- `.
fn key_column(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '-']).len()
}

fn without_passwords(line: &str) -> String {
    let mut shown: Vec<char> = line.chars().collect();
    let mut hide = |from: usize, text: &str| {
        let from = line.get(..from).map_or(0, |before| before.chars().count());
        let hidden = shown.iter_mut().skip(from).take(text.chars().count());
        hidden.for_each(|c| *c = '*');
    };
    for from in password_values(line) {
        let (before, value) = line.split_at_checked(from).unwrap_or_default();
        let length = length(value, before.contains('{'));
        hide(from, value.get(..length).unwrap_or(value));
    }
    // Not `://`, because the colon may be missing.
    for (at, slashes) in line.match_indices("//") {
        let from = at + slashes.len();
        let rest = line.get(from..).unwrap_or_default();
        // Everything before the last `@`: the password may have an `@` or `/` that should be escaped.
        let login = rest.rfind('@').and_then(|end| rest.get(..end));
        if let Some((user, password)) = login.and_then(|login| login.split_once(':')) {
            hide(from + user.len() + 1, password);
        }
    }
    shown.into_iter().collect()
}

/// The offsets of the values of `password` in a line, however the key is written.
fn password_values(line: &str) -> impl Iterator<Item = usize> {
    let lower = line.to_ascii_lowercase();
    let ends: Vec<usize> = lower
        .match_indices("password")
        .map(|(at, key)| at + key.len())
        .collect();
    ends.into_iter().filter_map(|end| {
        let rest = line.get(end..)?;
        let rest = rest.strip_prefix(['"', '\'']).unwrap_or(rest);
        let value = rest.trim_start().strip_prefix(':')?.trim_start();
        Some(line.len() - value.len())
    })
}

/// The length in octets of the value at the beginning of a text: all of it, except what surely comes after the value.
fn length(value: &str, in_braces: bool) -> usize {
    let is_after = |rest: &str| {
        let rest = rest.trim_start();
        rest.is_empty() || rest.starts_with([',', '}', '#'])
    };
    let end = match value.chars().next() {
        Some(quote @ ('"' | '\'')) => value
            .rfind(quote)
            .filter(|last| *last > 0)
            .map(|last| last + 1)
            .filter(|end| value.get(*end..).is_some_and(is_after)),
        _ if in_braces => {
            let mut ends = value.match_indices([',', '}']);
            ends.find_map(|(at, mark)| {
                let rest = value.get(at + mark.len()..)?;
                (rest.starts_with(' ') || is_after(rest)).then_some(at)
            })
        }
        _ => None,
    };
    end.unwrap_or(value.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        for (line, shown) in [
            (
                "store: redis://u:p:/@w@host/0",
                "store: redis://u:*****@host/0",
            ),
            ("store: redis://:pw@host", "store: redis://:**@host"),
            ("store: redis://u@host:6379", "store: redis://u@host:6379"),
            ("store: redis://host:6379/0", "store: redis://host:6379/0"),
            ("never_send: [a@b.example]", "never_send: [a@b.example]"),
        ] {
            assert_eq!(without_passwords(line), shown);
        }
    }

    #[test]
    fn no_password_is_shown() {
        for (line, expected) in [
            (
                "url: postgres://me:s3/c@re@h/m",
                "url: postgres://me:*******@h/m",
            ),
            ("store: redis://:é@h", "store: redis://:*@h"),
            ("url: mysql://me@h/m # a: b", "url: mysql://me@h/m # a: b"),
            ("  password: s3cret # x", "  password: **********"),
            ("{password: s3c, base: 'ö'}", "{password: ***, base: 'ö'}"),
            ("{password: 's, t', url: x}", "{password: ******, url: x}"),
            ("password_file: /etc/pw", "password_file: /etc/pw"),
            ("'password_file' : /etc/pw", "'password_file' : /etc/pw"),
            ("password: 'SEKRET", "password: *******"),
            (
                "{password: \"SEKRET, url: x}",
                "{password: ****************",
            ),
            ("{'password': SEKRET, x: y}", "{'password': ******, x: y}"),
            ("{\"password\": SEKRET }", "{\"password\": *******}"),
            ("password : SEKRET", "password : ******"),
            ("Password: SEKRET", "Password: ******"),
            ("  password: SEK, RET", "  password: ********"),
            ("{password: SEK,RET, x: y}", "{password: *******, x: y}"),
            ("{password: 'SEK'RET', x: y}", "{password: *********, x: y}"),
            ("{password: 'SEK'RET}", "{password: *********"),
            ("url: postgres//u:SEKRET@h/m", "url: postgres//u:******@h/m"),
        ] {
            assert_eq!(without_passwords(line), expected);
        }
    }

    #[test]
    fn nothing_below_a_password_is_shown() {
        let text = "- password:\n\n    # its value\n    SEKRET: x\n      deeper: y\n  base: z\n- password: 'SEK\n    RET'\n";
        for (line, expected) in [
            (4, "    *********"),
            (5, "      *********"),
            (6, "  base: z"),
            (8, "    ****"),
        ] {
            assert_eq!(shown_line(text, line), expected);
        }
    }
}
