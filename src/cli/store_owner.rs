//! Whose the store is: what root makes there must be the daemon's.

use std::{io, os::unix::fs::MetadataExt};

use clap::Args;
use nix::unistd::Uid;

use crate::{cli::daemon_user::DaemonUser, store::StoreUrl};

/// The options of a command that takes something into the store.
#[derive(Debug, Args)]
pub(super) struct Taking {
    /// Show what would be taken, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// As root: the user of the daemon, whose the store must be [default: backstop]
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

impl Taking {
    /// Whether it may write to the store, if it is to.
    ///
    /// # Errors
    /// As root, the store is not the daemon's.
    pub fn may_write(&self, store: &StoreUrl) -> Result<(), String> {
        match self.dry_run {
            true => Ok(()),
            false => check(store, self.user.as_deref()),
        }
    }
}

/// Whether the daemon can use the store after this process has written to it. SQLite gives what it makes beside a file to the
/// owner of that, and a new file gets the owner of its folder.
///
/// # Errors
/// This is root, and the file or its folder is not the daemon's.
fn check(store: &StoreUrl, user: Option<&str>) -> Result<(), String> {
    let Some(file) = store.file().filter(|_| Uid::effective().is_root()) else {
        return Ok(());
    };
    let user = match (DaemonUser::find(user), user) {
        (Ok(user), _) => user,
        // Root runs the daemon itself.
        (Err(_), None) => return Ok(()),
        (Err(why), Some(_)) => return Err(why),
    };
    let folder = file.parent().unwrap_or(file);
    for path in [file, folder] {
        match path.metadata() {
            Ok(found) if found.uid() == user.uid.as_raw() => return Ok(()),
            Ok(_) => {
                let (name, path) = (&user.name, path.display());
                return Err(format!(
                    "{path} is not owned by {name}, the user of the daemon; use `chown {name} {path}`, or --user NAME for another user"
                ));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && path == file => {}
            Err(error) => {
                let (name, path) = (&user.name, path.display());
                return Err(format!(
                    "{path}: {error}; start the daemon once, or use `install -d -o {name} -m 0700 {path}`"
                ));
            }
        }
    }
    Ok(())
}
