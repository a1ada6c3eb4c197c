//! How the MTAs deliver: one program, one folder a recipient, one file a message. And how they fail to.

use crate::mta::make_folder;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Delivers stdin: `deliver FOLDER RECIPIENT`. The final name appears only with the whole message behind it, and sorts
/// by time of arrival.
const DELIVER: &str = r#"#!/bin/sh
set -eu
box=$1/$(printf %s "$2" | tr / _)
mkdir -p "$box"
cat >"$box/.$$"
mv "$box/.$$" "$box/$(date +%s%N).$$"
"#;

/// Takes no mail: EX_NOUSER of sysexits, as for a user that does not exist.
const REFUSE: &str = "#!/bin/sh
cat >/dev/null
echo 'there is no such user' >&2
exit 67
";

/// The delivered messages.
#[derive(Debug)]
pub struct Mailboxes {
    folder: PathBuf,
    /// The program that delivers, to be called with [`Mailboxes::folder`] and the envelope recipient.
    pub deliver: PathBuf,
    /// The program that fails to deliver, for good. It ignores its arguments.
    pub refuse: PathBuf,
}

impl Mailboxes {
    /// Who the delivering program runs as.
    pub const OWNER: &str = "nobody";
    pub const GROUP: &str = "nogroup";

    pub fn create(parent: &Path) -> io::Result<Self> {
        let boxes = Self {
            folder: parent.join("mail"),
            deliver: parent.join("deliver"),
            refuse: parent.join("refuse"),
        };
        make_folder(&boxes.folder, Self::OWNER, Self::GROUP, "755")?;
        for (program, text) in [(&boxes.deliver, DELIVER), (&boxes.refuse, REFUSE)] {
            fs::write(program, text)?;
            fs::set_permissions(program, Permissions::from_mode(0o755))?;
        }
        Ok(boxes)
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The messages of one envelope recipient, byte for byte (lines end in LF), oldest first. None yet: empty.
    pub fn read(&self, recipient: &str) -> io::Result<Vec<Vec<u8>>> {
        let entries = match fs::read_dir(self.folder.join(recipient.replace('/', "_"))) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut files = Vec::new();
        for entry in entries {
            let path = entry?.path();
            let hidden = path
                .file_name()
                .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            if !hidden {
                files.push(path);
            }
        }
        files.sort();
        files.iter().map(fs::read).collect()
    }
}
