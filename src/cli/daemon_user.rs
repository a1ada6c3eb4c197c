//! The user that the daemon runs as.

use std::io;

use nix::unistd::{Gid, Uid, User, initgroups, setgid, setuid};

/// As packaging/systemd makes it.
const DEFAULT: &str = "backstop";

/// Where AppArmor is told about a process by itself.
const PROFILE_OF_THIS: &str = "/proc/self/attr/apparmor/current";

/// Confines this process, for good, as AppArmor confines the daemon: by the profile that the unit names, if that is loaded.
pub(super) fn be_confined() {
    // Without AppArmor there is no such file, and without the profile it can't be written.
    let _ = std::fs::OpenOptions::new()
        .write(true)
        .open(PROFILE_OF_THIS)
        .and_then(|mut file| io::Write::write_all(&mut file, b"changeprofile backstop"));
}

/// The user that the daemon runs as.
#[derive(Clone, Debug)]
pub(super) struct DaemonUser {
    pub(super) name: String,
    pub(super) uid: Uid,
    pub(super) gid: Gid,
}

impl DaemonUser {
    /// This one, or the one that the unit names.
    ///
    /// # Errors
    /// There is no such user.
    pub(super) fn find(name: Option<&str>) -> Result<Self, String> {
        let wanted = name.unwrap_or(DEFAULT);
        let found = User::from_name(wanted).map_err(|errno| format!("user {wanted}: {errno}"))?;
        let user = found.ok_or_else(|| match name {
            Some(name) => format!("there is no user {name}"),
            None => {
                format!("there is no user {DEFAULT}; use --user NAME for the user of the daemon")
            }
        })?;
        Ok(Self {
            name: wanted.to_owned(),
            uid: user.uid,
            gid: user.gid,
        })
    }

    /// Makes this process one of that user, with its groups, for good.
    ///
    /// # Errors
    /// This process is not root's.
    pub(super) fn become_it(&self) -> Result<(), String> {
        let failed = |errno: nix::Error| format!("can't become user {}: {errno}", self.name);
        let name = std::ffi::CString::new(self.name.as_str())
            .map_err(|_| format!("{:?} is no user's name", self.name))?;
        initgroups(&name, self.gid).map_err(failed)?;
        setgid(self.gid).map_err(failed)?;
        setuid(self.uid).map_err(failed)
    }
}
