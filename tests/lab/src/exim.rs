//! Exim's string expansion, without its daemon.

use crate::mta::{folder, must_be_root, unpacked};
use crate::process::run;
use std::fs;
use std::io;
use std::process::Command;

/// Exim wants the account it was built for, which is none of this machine's. Takes: folder, then the command.
const ENTER: &str = r#"set -eu
for file in passwd group; do mount --bind "$1/$file" "/etc/$file"; done
shift
exec "$@"
"#;

/// What each of `strings` expands to (`exim -be`). In a container this takes CAP_SYS_ADMIN, for a namespace.
pub fn expand(strings: &[&str]) -> io::Result<Vec<String>> {
    must_be_root()?;
    let tree = unpacked("exim")?;
    let folder = folder()?;
    let path = folder.path();
    for (file, account) in [
        ("passwd", "Debian-exim:x:65533:65533::/:/bin/false\n"),
        ("group", "Debian-exim:x:65533:\n"),
    ] {
        let theirs = fs::read_to_string(format!("/etc/{file}"))?;
        fs::write(path.join(file), theirs + account)?;
    }
    let config = path.join("exim.conf");
    fs::write(&config, "")?;
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-c", ENTER, "enter"])
        .arg(path)
        .arg(tree.join("usr/sbin/exim4"))
        .arg("-C")
        .arg(&config)
        .arg("-be")
        .args(strings);
    let output = run(&mut command)?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().map(str::to_owned).collect())
}
