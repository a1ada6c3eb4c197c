//! The package as cargo and git see it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use serde_json::Value;

/// The file or folder at this path of the package.
pub fn path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

/// The text of a file of the package.
pub fn text(relative: &str) -> String {
    fs::read_to_string(path(relative)).unwrap_or_else(|error| panic!("{relative}: {error}"))
}

/// What `cargo metadata` says of the workspace and of everything that it is built from on Linux, which is what Postfix,
/// systemd and we share: crates for Android or the web are named in Cargo.lock, and never linked.
///
/// Not `--offline`: a build downloads only what its own machine needs, and cargo fetches the rest here, once.
pub static METADATA: LazyLock<Value> = LazyLock::new(|| {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--format-version", "1"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .args(["--filter-platform", "aarch64-unknown-linux-gnu"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo metadata: {said}");
    serde_json::from_slice(&output.stdout).unwrap()
});

/// The packages in [`METADATA`].
pub fn packages() -> &'static [Value] {
    METADATA["packages"].as_array().unwrap()
}

/// This package in [`METADATA`].
pub fn own() -> &'static Value {
    packages()
        .iter()
        .find(|package| package["name"] == env!("CARGO_PKG_NAME"))
        .unwrap()
}

/// A field of the metadata that is a text; empty where it is absent.
pub fn word<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}
