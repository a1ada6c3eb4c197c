//! What the Postfix of this host does with mail while the daemon does not answer, as far as `postconf` says it.

use super::submission;
use crate::setup::Machine;

pub(super) const DEFAULT_ACTION: &str = "milter_default_action";
pub(super) const MILTERS: [&str; 2] = ["smtpd_milters", "non_smtpd_milters"];

/// What is to be known, and warnings, one for each place. None where there is no Postfix. `refused`: the keys by which bounces
/// of what leaves unsigned are refused later.
///
/// # Errors
/// There is one, and its settings can't be read.
pub(super) async fn without_daemon(
    refused: &[String],
) -> Result<(Vec<String>, Vec<String>), String> {
    let machine = Machine::default();
    let main = machine.postconf(&["-x", DEFAULT_ACTION, MILTERS[0], MILTERS[1]]);
    let Some(main) = main.await? else {
        return Ok((Vec::new(), Vec::new()));
    };
    let master = machine.postconf(&["-P"]).await?.unwrap_or_default();
    let services = machine.postconf(&["-M"]).await?.unwrap_or_default();
    let (main, master) = (settings(&main), settings(&master));
    let (known, mut found) = submission::advice(&services, &main, &master, refused);
    found.extend(warnings(&main, &master));
    Ok((known, found))
}

/// A setting of Postfix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    /// `submission/inet` of master.cf; none of main.cf.
    pub(super) service: Option<String>,
    pub(super) name: String,
    pub(super) value: String,
}

/// Lines such as `smtpd_milters = inet:127.0.0.1:8894`, or those of services, such as
/// `smtp/inet/milter_default_action = accept`.
pub(super) fn settings(lines: &str) -> Vec<Setting> {
    let settings = lines.lines().filter_map(|line| {
        let (name, value) = line.split_once('=')?;
        let (service, name) = match name.trim().rsplit_once('/') {
            Some((service, name)) => (Some(service.to_owned()), name),
            None => (None, name.trim()),
        };
        Some(Setting {
            service,
            name: name.to_owned(),
            value: value.trim().to_owned(),
        })
    });
    settings.collect()
}

/// Where mail of strangers is accepted unchecked. What users send who log in may be.
fn warnings(main: &[Setting], master: &[Setting]) -> Vec<String> {
    let all = || main.iter().chain(master);
    let is_milters = |setting: &Setting| MILTERS.contains(&setting.name.as_str());
    if !all().any(|setting| is_milters(setting) && !setting.value.is_empty()) {
        return Vec::new();
    }
    let accepts = |setting: &Setting| {
        let Setting {
            service,
            name,
            value,
        } = setting;
        let service = service.as_deref();
        if service.is_some_and(|service| submission::is_submission(service, master)) {
            return None;
        }
        let spelled = value.split_whitespace().collect::<String>();
        let shown = service.map_or(name.clone(), |service| format!("{service}/{name}"));
        let found = match name.as_str() {
            DEFAULT_ACTION => (value == "accept").then(|| format!("{shown} = accept")),
            _ if is_milters(setting) => spelled
                .contains("default_action=accept")
                .then(|| format!("`default_action = accept` in {shown}")),
            _ => None,
        }?;
        let file = service.map_or("main.cf", |_| "master.cf");
        Some(format!(
            "Postfix accepts mail unchecked while the daemon stops or does not answer ({found} in {file}); use \
             `milter_default_action = tempfail`, and the sender comes again"
        ))
    };
    all().filter_map(accepts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_where_mail_is_accepted_unchecked() {
        let main = |action: &str, milters: &str| {
            format!(
                "milter_default_action = {action}\nsmtpd_milters = {milters}\nnon_smtpd_milters =\n"
            )
        };
        for (main, master, found) in [
            (main("tempfail", "inet:127.0.0.1:8894"), "", &[][..]),
            (main("shutdown", "inet:127.0.0.1:8894"), "", &[]),
            // Without a milter it says nothing.
            (main("accept", ""), "", &[]),
            (
                main("accept", "inet:127.0.0.1:8894"),
                "",
                &["milter_default_action = accept in main.cf"],
            ),
            (
                main("accept", ""),
                "smtp/inet/smtpd_milters = inet:127.0.0.1:8894\n",
                &["milter_default_action = accept in main.cf"],
            ),
            (
                main("tempfail", "inet:127.0.0.1:8894"),
                "smtp/inet/syslog_name = x\n10025/inet/milter_default_action = accept\n",
                &["10025/inet/milter_default_action = accept in master.cf"],
            ),
            // Users who log in may send meanwhile.
            (
                main("tempfail", "inet:127.0.0.1:8894"),
                "submission/inet/milter_default_action = accept\n",
                &[],
            ),
            (
                main(
                    "tempfail",
                    "{ inet:127.0.0.1:8894, default_action = accept }",
                ),
                "",
                &["`default_action = accept` in smtpd_milters in main.cf"],
            ),
            (
                main(
                    "tempfail",
                    "{ inet:127.0.0.1:8894, default_action=tempfail }",
                ),
                "",
                &[],
            ),
        ] {
            let warnings = warnings(&settings(&main), &settings(master));
            assert_eq!(warnings.len(), found.len(), "{main}{master}");
            for (warning, found) in warnings.iter().zip(found) {
                assert!(warning.contains(found), "{warning}");
            }
        }
    }
}
