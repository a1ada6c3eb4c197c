//! Turns `milter.yaml` into settings, and its mistakes into file:line:column with a fix.
//!
//! Four modules read a file: [`outline`] its shape and the place of each value; [`file`] its values (with serde_yaml, into
//! the settings that `core`, `dns` and `milter` define); [`checks`] and [`recipients`] find values that are well-formed but
//! wrong; [`wording`] translates the errors of serde. The result is a [`Config`].

pub mod amend;
mod bounded;
mod checks;
mod diagnostic;
mod directories;
mod file;
mod findings;
pub mod key_file;
mod keys;
#[cfg(test)]
mod lists;
mod local;
mod located;
mod outline;
mod own_domains;
mod passwords;
mod path;
mod recipients;
mod rules;
#[cfg(test)]
mod shipped;
mod shown_line;
mod summary;
mod syntax;
mod tenants;
mod text;
mod unlisted;
mod wording;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_yaml::Deserializer;

pub(crate) use self::summary::{answer, results, siege, unproven};
use self::{bounded::bounded, diagnostic::Mistake, file::File, outline::Outline};
pub use self::{
    diagnostic::{Diagnostic, Diagnostics, Place, Severity},
    file::{Level, Log},
    located::{At, Located},
};
#[cfg(test)]
pub(crate) use self::{
    keys::keys_at,
    shipped::{PLACES, set},
};
use crate::{
    core::{attack, local::Domains, policy::Policy, spf_rules::ResultRules},
    directory::{
        DomainSources,
        domains::{DomainLists, DomainSource},
        tenants::TenantSettings,
    },
    dkim, dns,
    engine::DrainSettings,
    milter::{ListenAddress, SocketOptions},
    observe,
    store::StoreUrl,
};

/// What `milter.yaml` says.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen.
    pub listen: ListenAddress,
    /// Permission and owner of a socket file.
    pub socket: SocketOptions,
    /// Which name servers to ask, and for how long.
    pub dns: dns::DnsSettings,
    /// Everything that decides, including the mode. Its domains are those that the file names, and those of lists once
    /// [`Self::know`] has added them.
    pub policy: Policy,
    /// The domains that the file names.
    pub named_domains: Domains,
    /// Where others of our domains are listed.
    pub domain_lists: Vec<DomainSource>,
    /// Those lists, once somebody has read them.
    pub lists: Arc<DomainLists>,
    /// Where the recipients of each entry of `policy.recipients` are listed, in the same order.
    pub directories: Vec<DomainSources>,
    /// Where tenants' answers for their own domains stand.
    pub tenants: TenantSettings,
    /// The store. It is opened only if something needs it.
    pub store: StoreUrl,
    /// What is kept for `backstop report`.
    pub report: attack::ReportSettings,
    /// What the daemon shows to monitoring.
    pub observe: observe::ObserveSettings,
    /// How the daemon ends.
    pub drain: DrainSettings,
    /// The DKIM keys of `proof.dkim.keys`.
    pub dkim_keys: dkim::DkimKeys,
    /// What is written to the log.
    pub log: Log,
    /// The file with these settings.
    pub file: PathBuf,
    /// What is probably a mistake.
    pub warnings: Vec<Diagnostic>,
}

impl Config {
    /// Makes those domains ours that the lists have now. Gives whether others are ours than before.
    pub fn know(&mut self, lists: Arc<DomainLists>) -> bool {
        let domains = lists.with(&self.named_domains);
        self.lists = lists;
        let is_new = domains != self.policy.local.domains;
        if is_new {
            self.policy.local.domains = domains;
        }
        is_new
    }

    /// Whether no domain can be ours.
    pub fn has_no_domain(&self) -> bool {
        self.policy.local.domains.is_empty() && self.domain_lists.is_empty()
    }

    /// Drops what was found to be wrong with the socket file that we would make, where systemd makes it: the unit says who
    /// can open that one.
    pub fn leave_socket_to_systemd(&mut self) {
        let about_ours = |warning: &Diagnostic| warning.message == checks::UNSHARED_SOCKET;
        self.warnings.retain(|warning| !about_ours(warning));
    }
}

/// Reads the file and the key file, and checks that its lists can be opened.
///
/// # Errors
/// A file that can't be read, is larger than a megabyte or is not UTF-8; and every mistake in it.
pub fn load(path: &Path) -> Result<Config, Diagnostics> {
    let name = path.display().to_string();
    let text = text::of(path)
        .map_err(|(mistake, text)| Diagnostics(vec![mistake.found_in(&name, &text)]))?;
    config(path, &text, |directories, file, outline| {
        let mut mistakes = recipients::unreadable(directories, outline);
        let folder = path.parent().unwrap_or(Path::new(""));
        mistakes.extend(own_domains::unreadable(file, outline, folder));
        mistakes.extend(tenants::unreadable(&file.tenants, outline));
        mistakes.extend(key_file::load(&mut file.proof, outline));
        mistakes.extend(passwords::exposed(path, file, directories, outline));
        mistakes
    })
}

/// Reads the text of the file; paths in it are relative to the folder of `path`. Opens no file, and so loads no keys.
///
/// # Errors
/// Every mistake in it.
pub fn parse(path: &Path, text: &str) -> Result<Config, Diagnostics> {
    config(path, text, |_, _, _| Vec::new())
}

fn config(
    path: &Path,
    text: &str,
    look_at_files: impl Fn(&[DomainSources], &mut File, &Outline) -> Vec<Mistake>,
) -> Result<Config, Diagnostics> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let name = path.display().to_string();
    let found = |mistakes: Vec<Mistake>| {
        bounded(mistakes)
            .into_iter()
            .map(|mistake| mistake.found_in(&name, text))
            .collect::<Vec<_>>()
    };
    let (mut file, outline) =
        file_and_outline(text).map_err(|mistakes| Diagnostics(found(mistakes)))?;

    let mut mistakes = checks::of(&file, &outline);
    mistakes.extend(rules::check(&outline));
    let folder = path.parent().unwrap_or(Path::new(""));
    let (recipients, directories, wrong) =
        recipients::of(&file, &outline, folder, directories::Features::BUILT_IN);
    mistakes.extend(wrong);
    let (domain_lists, wrong) =
        own_domains::of(&file, &outline, folder, directories::Features::BUILT_IN);
    mistakes.extend(wrong);
    mistakes.extend(tenants::check(
        &file,
        &outline,
        directories::Features::BUILT_IN,
    ));
    file.tenants = file.tenants.relative_to(folder);
    if let Some(keys) = &mut file.proof.key_file {
        *keys = folder.join(&keys);
    }
    if !is_fatal(&mistakes) {
        mistakes.extend(look_at_files(&directories, &mut file, &outline));
    }
    if is_fatal(&mistakes) {
        return Err(Diagnostics(found(mistakes)));
    }
    let local = file.local.into_local();
    let mut spf = file.spf;
    spf.helo = filled(spf.helo, ResultRules::HELO);
    spf.mail_from = filled(spf.mail_from, ResultRules::MAIL_FROM);
    // The checks above have reported keys that can't be used.
    let dkim_keys = dkim::DkimKeys::new(&file.proof.dkim).unwrap_or_default();
    Ok(Config {
        listen: file.listen,
        socket: file.socket,
        dns: file.dns,
        policy: Policy {
            mode: file.mode,
            local: local.clone(),
            exempt: file.exempt,
            spf,
            forgery: file.forgery,
            null_sender: file.null_sender,
            recipients: recipients.into(),
            dnsbl: file.dnsbl,
            headers: file.headers.into(),
            outbound: file.outbound,
            proof: file.proof,
            siege: file.siege,
            keep_samples: file.report.keep_samples,
            keep_senders: file.report.keep_senders,
            has_monitored_rules: outline.has_monitored_rules(),
            has_tenants: file.tenants.is_on(),
            has_modes: true,
        },
        named_domains: local.domains,
        domain_lists,
        lists: Arc::default(),
        directories,
        tenants: file.tenants,
        store: file.store,
        report: file.report,
        observe: file.observe,
        drain: file.drain,
        dkim_keys,
        log: file.log,
        file: path.to_owned(),
        warnings: found(mistakes),
    })
}

fn is_fatal(mistakes: &[Mistake]) -> bool {
    mistakes
        .iter()
        .any(|mistake| mistake.severity == Severity::Error)
}

fn file_and_outline(text: &str) -> Result<(File, Outline), Vec<Mistake>> {
    if syntax::is_blank(text) {
        return Err(vec![syntax::nothing()]);
    }
    if let Some(mistake) = syntax::invisible(text) {
        return Err(vec![mistake]);
    }
    let outline = Outline::read(text)?;
    if outline.says_nothing() {
        return Err(vec![syntax::nothing()]);
    }
    let file = serde_path_to_error::deserialize(Deserializer::from_str(text))
        .map_err(|error| vec![wording::mistake(&error, text, &outline)])?;
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An editor that is writing, a full disk and a lost `cp` leave such files: none of them is meant to be all defaults.
    #[test]
    fn a_file_that_says_nothing_is_refused() {
        for (text, is_said) in [
            ("", false),
            ("\n", false),
            (" \n  \r\n", false),
            ("\t\n", false),
            ("\u{feff}", false),
            ("\u{feff}\n", false),
            ("# nothing\n", false),
            ("\u{feff}# mode: enforce\n\n  # listen: x", false),
            ("---\n", false),
            ("---", false),
            ("--- # nothing\n...\n", false),
            ("...\n", false),
            ("%YAML 1.2\n---\n", false),
            ("null\n", false),
            ("~", false),
            ("--- null\n", false),
            ("''\n", false),
            // What a crash leaves of a file whose blocks were not written.
            ("\0\0\0\0", false),
            // This says that nothing is to be said.
            ("{}", true),
            ("--- {}\n", true),
            ("mode: monitor", true),
            ("\u{feff}mode: monitor", true),
            ("spf:\nlocal:\n", true),
        ] {
            let wrong = parse(Path::new("m.yaml"), text).err();
            let wrong = wrong.map(|wrong| wrong.in_one_line());
            match &wrong {
                None => assert!(is_said, "{text:?}"),
                Some(wrong) => assert!(
                    !is_said
                        && wrong.starts_with("m.yaml: the file says nothing")
                        && wrong.contains("`mode: monitor`"),
                    "{text:?}: {wrong}"
                ),
            }
        }
    }

    /// Words of such files, so that the parsers get past the first byte.
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

    /// The shipped file with a random change.
    fn damaged() -> impl Strategy<Value = String> {
        let shipped: Vec<char> = include_str!("../../milter.yaml").chars().collect();
        let places = (0..shipped.len(), 0..40_usize, yamlish());
        places.prop_map(move |(at, lost, new)| {
            let rest = shipped.iter().skip(at + lost);
            shipped
                .iter()
                .take(at)
                .copied()
                .chain(new.chars())
                .chain(rest.copied())
                .collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn no_text_makes_it_panic(text in prop_oneof![any::<String>(), yamlish(), damaged()]) {
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
