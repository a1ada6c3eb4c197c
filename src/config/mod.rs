//! Turns `milter.yaml` into settings, and its mistakes into file:line:column and the mend.
//!
//! A file goes through four hands: [`outline`] reads its shape and where everything stands, [`file`] its values (with
//! serde_yaml, into the settings that `core`, `dns` and `filter` define), [`checks`] and [`recipients`] look for what is
//! well-formed but wrong, and [`wording`] says what serde said so that it helps. Only then there is a [`Config`].

mod checks;
mod diagnostic;
mod file;
mod keys;
mod outline;
mod recipients;
mod rules;
#[cfg(test)]
mod shipped;
mod summary;
mod syntax;
mod wording;

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use serde_yaml::Deserializer;

use self::{diagnostic::Mistake, file::File, outline::Outline};
pub use self::{
    diagnostic::{Diagnostic, Diagnostics, Place, Severity},
    file::{Level, Log},
};
use crate::{
    core::{policy::Policy, spf_rules::ResultRules},
    directory::DomainSources,
    dns,
    filter::{Address, SocketOptions},
};

/// The file is read into memory; nobody writes a larger one by hand, and lists of recipients are files of their own.
const LARGEST_FILE: u64 = 1 << 20;

/// What `milter.yaml` says.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen.
    pub listen: Address,
    /// Who may open a socket file.
    pub socket: SocketOptions,
    /// Whom to ask for DNS answers, and how long.
    pub dns: dns::Settings,
    /// Everything that decides, the mode included.
    pub policy: Policy,
    /// Where the recipients of each entry of `policy.recipients` are listed, in the same order.
    pub directories: Vec<DomainSources>,
    /// What is written to the log.
    pub log: Log,
    /// The file it was read from.
    pub file: PathBuf,
    /// What is probably not meant as it stands.
    pub warnings: Vec<Diagnostic>,
}

/// Reads the file, and tries whether the lists it names can be opened.
///
/// # Errors
/// A file that can't be read, is larger than a megabyte or not UTF-8, and every mistake in it.
pub fn load(path: &Path) -> Result<Config, Diagnostics> {
    let name = path.display().to_string();
    let text = text_of(path).map_err(|mistake| Diagnostics(vec![mistake.found_in(&name, "")]))?;
    config(path, &text, recipients::unreadable)
}

/// Reads the file's text; paths in it are relative to the folder of `path`. Opens no file.
///
/// # Errors
/// Every mistake in it.
pub fn parse(path: &Path, text: &str) -> Result<Config, Diagnostics> {
    config(path, text, |_, _| Vec::new())
}

fn config(
    path: &Path,
    text: &str,
    look_at_lists: impl Fn(&[DomainSources], &Outline) -> Vec<Mistake>,
) -> Result<Config, Diagnostics> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let name = path.display().to_string();
    let found = |mistakes: Vec<Mistake>| {
        let mut mistakes = mistakes;
        mistakes.sort_by_key(|mistake| mistake.place.map(|place| (place.line, place.column)));
        mistakes
            .into_iter()
            .map(|mistake| mistake.found_in(&name, text))
            .collect::<Vec<_>>()
    };
    let (file, outline) =
        file_and_outline(text).map_err(|mistakes| Diagnostics(found(mistakes)))?;

    let mut mistakes = checks::of(&file, &outline);
    mistakes.extend(rules::check(&file, &outline));
    let folder = path.parent().unwrap_or(Path::new(""));
    let (recipients, directories, wrong) = recipients::of(&file, &outline, folder);
    mistakes.extend(wrong);
    mistakes.extend(look_at_lists(&directories, &outline));

    let fatal = mistakes
        .iter()
        .any(|mistake| mistake.severity == Severity::Error);
    let found = found(mistakes);
    if fatal {
        return Err(Diagnostics(found));
    }
    let mut spf = file.spf;
    spf.helo = filled(spf.helo, ResultRules::HELO);
    spf.mail_from = filled(spf.mail_from, ResultRules::MAIL_FROM);
    Ok(Config {
        listen: file.listen,
        socket: file.socket,
        dns: file.dns,
        policy: Policy {
            mode: file.mode,
            local: file.local,
            exempt: file.exempt,
            spf,
            forgery: file.forgery,
            null_sender: file.null_sender,
            recipients,
        },
        directories,
        log: file.log,
        file: path.to_owned(),
        warnings: found,
    })
}

fn file_and_outline(text: &str) -> Result<(File, Outline), Vec<Mistake>> {
    if let Some(mistake) = syntax::invisible(text) {
        return Err(vec![mistake]);
    }
    let outline = Outline::read(text)?;
    let file = serde_path_to_error::deserialize(Deserializer::from_str(text))
        .map_err(|error| vec![wording::mistake(error, &outline)])?;
    Ok((file, outline))
}

fn filled(rules: ResultRules, defaults: ResultRules) -> ResultRules {
    ResultRules {
        none: rules.none.or(defaults.none),
        fail: rules.fail.or(defaults.fail),
        softfail: rules.softfail.or(defaults.softfail),
        temperror: rules.temperror.or(defaults.temperror),
        permerror: rules.permerror.or(defaults.permerror),
    }
}

fn text_of(path: &Path) -> Result<String, Mistake> {
    let whole_file = |message: String, help: &str| Mistake {
        severity: Severity::Error,
        place: None,
        message,
        help: help.to_owned(),
    };
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(LARGEST_FILE + 1).read_to_end(&mut bytes))
        .map_err(|error| {
            whole_file(
                format!("the file can't be read: {error}"),
                "name another with --config, or give us the right to read this one",
            )
        })?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(whole_file(
            "the file is larger than a megabyte".to_owned(),
            "put long lists of recipients into files of their own: known: [{file: PATH}]",
        ));
    }
    String::from_utf8(bytes).map_err(|error| not_utf8(&error))
}

fn not_utf8(error: &std::string::FromUtf8Error) -> Mistake {
    let good = error
        .as_bytes()
        .get(..error.utf8_error().valid_up_to())
        .and_then(|bytes| std::str::from_utf8(bytes).ok())
        .unwrap_or_default();
    let last_line = good.rsplit('\n').next().unwrap_or_default();
    let place = Place {
        line: good.matches('\n').count() + 1,
        column: last_line.chars().count() + 1,
        width: 1,
    };
    Mistake::error(
        place,
        "this byte is not UTF-8",
        "save the file as UTF-8; with iconv: iconv -f latin1 -t utf-8 OLD > NEW",
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_empty_file_is_a_configuration() {
        for text in [
            "",
            "\n",
            "# nothing\n",
            "---\n",
            "{}",
            "spf:\nlocal:\n",
            "\u{feff}mode: monitor",
        ] {
            let config = parse(Path::new("m.yaml"), text);
            assert!(config.is_ok(), "{text:?}: {}", config.unwrap_err());
        }
    }

    /// Words that stand in such files, so that the parsers get past the first byte.
    fn yamlish() -> impl Strategy<Value = String> {
        let word = prop_oneof![
            Just("mode"),
            Just(": "),
            Just("\n"),
            Just("  "),
            Just("- "),
            Just("recipients"),
            Just("domain"),
            Just("["),
            Just("]"),
            Just("{"),
            Just("}"),
            Just(","),
            Just("'"),
            Just("\""),
            Just("\\"),
            Just("&a"),
            Just("*a"),
            Just("!t"),
            Just("|"),
            Just(">-"),
            Just("? "),
            Just("#"),
            Just("\t"),
            Just("known"),
            Just("match"),
            Just("("),
            Just("---"),
            Just("..."),
            Just("%"),
            Just("@"),
            Just("é"),
            Just("\r"),
            Just("<<"),
            Just("rules"),
            Just("local"),
            Just("spf"),
            Just("~"),
            Just("1"),
            Just("\u{85}"),
            Just("")
        ];
        proptest::collection::vec(word, 0..40).prop_map(|words| words.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn no_text_makes_it_panic(text in prop_oneof![any::<String>(), yamlish()]) {
            if let Err(wrong) = parse(Path::new("m.yaml"), &text) {
                prop_assert!(wrong.0.iter().any(|one| one.severity == Severity::Error));
                prop_assert!(!wrong.to_string().is_empty());
            }
        }
    }

    #[test]
    fn a_small_file_can_not_become_a_large_one() {
        let bomb = "a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a]\nc: [*b,*b,*b,*b]\n";
        let deep = "[".repeat(500_000);
        for text in [
            bomb,
            &deep,
            &"- ".repeat(300_000),
            &"{a: ".repeat(100_000),
            &"? ".repeat(300_000),
        ] {
            assert!(parse(Path::new("m.yaml"), text).is_err());
        }
    }
}
