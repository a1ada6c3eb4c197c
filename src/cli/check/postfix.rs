//! What the Postfix of this host does with mail while the daemon does not answer, as far as `postconf` says it.

use crate::setup::Machine;

const DEFAULT_ACTION: &str = "milter_default_action";
const MILTERS: [&str; 2] = ["smtpd_milters", "non_smtpd_milters"];

/// Warnings, one for each place. None where there is no Postfix.
///
/// # Errors
/// There is one, and its settings can't be read.
pub(super) async fn accepts_unchecked() -> Result<Vec<String>, String> {
    let machine = Machine::default();
    let main = machine.postconf(&["-x", DEFAULT_ACTION, MILTERS[0], MILTERS[1]]);
    let Some(main) = main.await? else {
        return Ok(Vec::new());
    };
    let master = machine.postconf(&["-P"]).await?.unwrap_or_default();
    Ok(warnings(&main, &master))
}

/// `main` has lines such as `smtpd_milters = inet:127.0.0.1:8894`, `master` such as
/// `smtp/inet/milter_default_action = accept`.
fn warnings(main: &str, master: &str) -> Vec<String> {
    let of = |file: &'static str| {
        move |line: &str| {
            let (name, value) = line.split_once('=')?;
            Some((file, name.trim().to_owned(), value.trim().to_owned()))
        }
    };
    let settings: Vec<_> = (main.lines().filter_map(of("main.cf")))
        .chain(master.lines().filter_map(of("master.cf")))
        .collect();
    let parameter = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    let has_milters = settings
        .iter()
        .any(|(_, name, value)| MILTERS.contains(&parameter(name).as_str()) && !value.is_empty());
    let accepts = |(file, name, value): &(&str, String, String)| {
        let spelled = value.split_whitespace().collect::<String>();
        let found = match parameter(name).as_str() {
            DEFAULT_ACTION => (value == "accept").then(|| format!("{name} = accept")),
            list if MILTERS.contains(&list) => spelled
                .contains("default_action=accept")
                .then(|| format!("`default_action = accept` in {name}")),
            _ => None,
        }?;
        Some(format!(
            "Postfix accepts mail unchecked while the daemon stops or does not answer ({found} in {file}); use \
             `milter_default_action = tempfail`, and the sender comes again"
        ))
    };
    match has_milters {
        true => settings.iter().filter_map(accepts).collect(),
        false => Vec::new(),
    }
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
                "smtp/inet/syslog_name = x\nsubmission/inet/milter_default_action = accept\n",
                &["submission/inet/milter_default_action = accept in master.cf"],
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
            let warnings = warnings(&main, master);
            assert_eq!(warnings.len(), found.len(), "{main}{master}");
            for (warning, found) in warnings.iter().zip(found) {
                assert!(warning.contains(found), "{warning}");
            }
        }
    }
}
