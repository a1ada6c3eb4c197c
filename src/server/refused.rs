//! Why the system refuses a file that `milter.yaml` names, where its permissions are not all that decides.

use std::{
    fs,
    io::{self, ErrorKind},
    path::Path,
};

/// How a file is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It is read.
    Read,
    /// It is another program's SQLite database: who reads it locks it, and looks for what a writer left beside it.
    ReadDatabase,
    /// It is run.
    Run,
    /// It is a database of ours, or what SQLite makes beside one.
    Write,
    /// It is a folder in which files of ours are made.
    MakeFiles,
    /// It is a socket, which is made under another name first.
    MakeSocket,
}

impl Access {
    /// The rule that allows it, as in apparmor.d(5).
    fn rule(self, path: &Path) -> String {
        let in_folder = |folder: &Path| folder.join("{,*}").display().to_string();
        let shown = path.display();
        match self {
            Self::Read => format!("{shown} r,"),
            Self::ReadDatabase => format!("{shown}{{,-*}} rk,"),
            Self::Run => format!("{shown} ix,"),
            Self::Write => format!("{shown} rwk,"),
            Self::MakeFiles => format!("{} rwk,", in_folder(path)),
            Self::MakeSocket => format!("{} rw,", in_folder(path.parent().unwrap_or(path))),
        }
    }
}

/// What the system said about a file, and what to do where AppArmor may have refused it.
pub fn refused(error: &io::Error, path: &Path, access: Access) -> String {
    // proc_pid_attr(5): the profile that confines this process.
    let confinement = fs::read_to_string("/proc/self/attr/current").unwrap_or_default();
    match error.kind() {
        ErrorKind::PermissionDenied => format!("{error}{}", hint(&confinement, path, access)),
        _ => error.to_string(),
    }
}

/// The same answer comes from the permissions of the file and from a profile, so both are named.
fn hint(confinement: &str, path: &Path, access: Access) -> String {
    let Some(profile) = confinement.trim_end().strip_suffix(" (enforce)") else {
        return String::new();
    };
    format!(
        "; if its permissions and those of its folders allow it, AppArmor's profile {profile} does not: write the line \
         `{}` into /etc/apparmor.d/local/usr.sbin.backstop, and use `apparmor_parser -r \
         /etc/apparmor.d/usr.sbin.backstop`",
        access.rule(path)
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
            let hint = hint(confinement, Path::new("/srv/list"), Access::Read);
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
    fn each_use_has_its_rule() {
        for (path, access, rule) in [
            ("/srv/list", Access::Read, "/srv/list r,"),
            ("/srv/m.db", Access::ReadDatabase, "/srv/m.db{,-*} rk,"),
            ("/srv/tell", Access::Run, "/srv/tell ix,"),
            ("/srv/s.db-wal", Access::Write, "/srv/s.db-wal rwk,"),
            ("/srv/s", Access::MakeFiles, "/srv/s/{,*} rwk,"),
            ("/srv/s/b.sock", Access::MakeSocket, "/srv/s/{,*} rw,"),
        ] {
            assert_eq!(access.rule(Path::new(path)), rule);
        }
    }

    #[test]
    fn other_errors_have_nothing_to_do_with_it() {
        let missing = io::Error::from(ErrorKind::NotFound);
        let said = refused(&missing, Path::new("/srv/list"), Access::Read);
        assert_eq!(said, missing.to_string());
    }
}
