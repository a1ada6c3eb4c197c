//! What a daemon that does not answer does to users who log in, by the submission services of Postfix.

use super::postfix::{DEFAULT_ACTION, MILTERS, Setting};

/// Services where users log in, by their names in master.cf.
const SERVICES: [&str; 5] = ["submission", "submissions", "smtps", "587", "465"];
/// The macro by which a service says that its mail is its own users'.
const ORIGINATING: &str = "milter_macro_daemon_name";

/// Whether this service, `submission/inet` for example, is one where users log in.
pub(super) fn is_submission(service: &str, master: &[Setting]) -> bool {
    let name = service.split('/').next().unwrap_or_default();
    let port = name.rsplit(':').next().unwrap_or(name);
    let says_so = |setting: &Setting| {
        setting.service.as_deref() == Some(service)
            && setting.name == ORIGINATING
            && setting.value.trim_matches(['{', '}', ' ']) == "ORIGINATING"
    };
    SERVICES.contains(&port) || master.iter().any(says_so)
}

/// What holds for each submission service: what is to be known, and warnings. `refused`: the keys by which bounces of what
/// leaves unsigned are refused later.
pub(super) fn advice(
    services: &str,
    main: &[Setting],
    master: &[Setting],
    refused: &[String],
) -> (Vec<String>, Vec<String>) {
    let (mut known, mut warnings) = (Vec::new(), Vec::new());
    for service in services.lines().filter_map(service) {
        if !is_submission(&service, master) {
            continue;
        }
        let own = |name: &str| {
            let mut settings = master.iter();
            settings.find(|one| one.service.as_deref() == Some(&*service) && one.name == name)
        };
        let global = |name: &str| main.iter().find(|one| one.name == name);
        let value = |name: &str| {
            own(name)
                .or(global(name))
                .map(|setting| setting.value.as_str())
        };
        let milters = value(MILTERS[0]).unwrap_or_default();
        if milters.is_empty() {
            continue;
        }
        let default = value(DEFAULT_ACTION).unwrap_or("tempfail");
        // Only the first is ours, as the shipped lines have it; others keep theirs.
        let action = own_action(milters).unwrap_or(default);
        let first = milters.trim_start_matches(['{', ' ']);
        let first = first.split([',', ' ', '}']).next().unwrap_or(first);
        let line = |action: &str| {
            format!("-o {{ smtpd_milters = {{ {first}, default_action={action} }} }}")
        };
        match action {
            "accept" if !refused.is_empty() => warnings.push(format!(
                "{service} of Postfix lets mail of your users leave unsigned while the daemon does not answer, and {} its \
                 bounces later; use `{}` there",
                refused.join(" and ") + ", which refuses",
                line("tempfail"),
            )),
            "accept" => known.push(format!(
                "Postfix: while the daemon does not answer, mail of users who log in ({service}) leaves unsigned"
            )),
            "tempfail" if refused.is_empty() => known.push(format!(
                "Postfix: while the daemon does not answer, users who log in ({service}) are refused for now (4xx); to let \
                 their mail leave unsigned, use `{}` there",
                line("accept"),
            )),
            action => known.push(format!(
                "Postfix: while the daemon does not answer, users who log in ({service}) are refused ({action})"
            )),
        }
    }
    (known, warnings)
}

/// `submission/inet` of a line that `postconf -M` writes.
fn service(line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    let (name, kind) = (words.next()?, words.next()?);
    (words.nth(5)?.starts_with("smtpd")).then(|| format!("{name}/{kind}"))
}

/// The default action of the first milter, where it has one of its own.
fn own_action(milters: &str) -> Option<&str> {
    let first = milters.trim_start().strip_prefix('{')?.split('}').next()?;
    let options = first.split_once(',')?.1;
    let mut options = options.split(',');
    options.find_map(|option| {
        let (name, value) = option.split_once('=')?;
        (name.trim() == "default_action").then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::{super::postfix::settings, *};

    #[test]
    fn each_service_is_told_what_becomes_of_its_users() {
        const SMTP: &str = "smtp inet n - y - - smtpd\npickup unix n - n 60 1 pickup\n";
        const BOTH: &str = "smtp       inet  n       -       y       -       -       smtpd\n\
            submission inet  n       -       y       -       -       smtpd\n";
        let ours = "smtpd_milters = inet:127.0.0.1:8894\nmilter_default_action = tempfail\n";
        let reject = &["proof.unproven is reject".to_owned()][..];
        let accepting = "submission/inet/smtpd_milters = { inet:127.0.0.1:8894, default_action=accept }, inet:127.0.0.1:8891\n";
        for (services, main, master, refused, known, warned) in [
            (SMTP, ours, "", &[][..], "", ""),
            (BOTH, "smtpd_milters =\n", "", &[], "", ""),
            (BOTH, ours, "submission/inet/smtpd_milters =\n", &[], "", ""),
            (
                BOTH,
                ours,
                "",
                &[],
                "(submission/inet) are refused for now (4xx); to let their mail leave unsigned, use \
                 `-o { smtpd_milters = { inet:127.0.0.1:8894, default_action=accept } }`",
                "",
            ),
            (BOTH, ours, accepting, &[], "leaves unsigned", ""),
            (
                BOTH,
                ours,
                "",
                reject,
                "(submission/inet) are refused (tempfail)",
                "",
            ),
            (
                BOTH,
                ours,
                accepting,
                reject,
                "",
                "proof.unproven is reject, which refuses its bounces later; use \
                 `-o { smtpd_milters = { inet:127.0.0.1:8894, default_action=tempfail } }`",
            ),
            (
                BOTH,
                ours,
                "submission/inet/milter_default_action = accept\n",
                reject,
                "",
                "default_action=tempfail",
            ),
            (
                "127.0.0.1:587 inet n - y - - smtpd\n",
                ours,
                "127.0.0.1:587/inet/milter_default_action = accept\n",
                &[],
                "leaves unsigned",
                "",
            ),
            (
                "10587 inet n - y - - smtpd\n",
                ours,
                "10587/inet/milter_macro_daemon_name = ORIGINATING\n",
                &[],
                "(10587/inet) are refused for now",
                "",
            ),
        ] {
            let (main, master) = (settings(main), settings(master));
            let (found, warnings) = advice(services, &main, &master, refused);
            for (found, expected) in [(found, known), (warnings, warned)] {
                assert_eq!(
                    found.len(),
                    usize::from(!expected.is_empty()),
                    "{master:?}: {found:?}"
                );
                assert!(found.concat().contains(expected), "{master:?}: {found:?}");
            }
        }
    }
}
