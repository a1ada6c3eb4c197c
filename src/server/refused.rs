//! Why the system refuses a file that `milter.yaml` names, where its permissions are not all that decides.

use std::{
    fs,
    io::{self, ErrorKind},
    path::Path,
};

/// What the system said about a file, and what to do where AppArmor may have refused it. `access` is what was tried, in the
/// words of a profile: `r` to read, `rk` to lock it too, `ix` to run; and `path` may stand for several.
pub fn refused(error: &io::Error, path: &Path, access: &str) -> String {
    // proc_pid_attr(5): the profile that confines this process.
    let confinement = fs::read_to_string("/proc/self/attr/current").unwrap_or_default();
    match error.kind() {
        ErrorKind::PermissionDenied => format!("{error}{}", hint(&confinement, path, access)),
        _ => error.to_string(),
    }
}

/// The same answer comes from the permissions of the file and from a profile, so both are named.
fn hint(confinement: &str, path: &Path, access: &str) -> String {
    let Some(profile) = confinement.trim_end().strip_suffix(" (enforce)") else {
        return String::new();
    };
    format!(
        "; if its permissions and those of its folders allow it, AppArmor's profile {profile} does not: write the line \
         `{} {access},` into /etc/apparmor.d/local/usr.sbin.backstop, and use `apparmor_parser -r \
         /etc/apparmor.d/usr.sbin.backstop`",
        path.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_named_only_where_it_is_enforced() {
        for (confinement, named) in [
            ("backstop (enforce)\n", Some("profile backstop does not")),
            (
                "/usr/sbin/x (enforce)",
                Some("profile /usr/sbin/x does not"),
            ),
            ("backstop (complain)\n", None),
            ("unconfined\n", None),
            ("system_u:system_r:init_t:s0\0", None),
            ("", None),
        ] {
            let hint = hint(confinement, Path::new("/srv/list"), "r");
            match named {
                Some(named) => {
                    assert!(hint.contains(named), "{hint}");
                    assert!(hint.contains("`/srv/list r,`"), "{hint}");
                }
                None => assert_eq!(hint, "", "{confinement}"),
            }
        }
    }

    #[test]
    fn other_errors_have_nothing_to_do_with_it() {
        let missing = io::Error::from(ErrorKind::NotFound);
        let said = refused(&missing, Path::new("/srv/list"), "r");
        assert_eq!(said, missing.to_string());
    }
}
