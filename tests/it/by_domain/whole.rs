//! The folder of pages is written as a whole, or stays as it was.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    path::Path,
    process::{Command, Stdio},
};

use super::hosting;
use crate::attack::Site;

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn the_next_run_replaces_it_and_nothing_else() {
    let (site, tenants) = hosting("");
    let told = site.text(&["--html-dir", "pages", "--days", "2"]);
    assert!(
        told.contains("pages: the pages of 8 domains, and index.html, which is for you"),
        "{told}"
    );
    let pages = site.path("pages");
    let page = pages.join(format!("{}.html", tenants[0].domain));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&pages), mode(&page)), (0o750, 0o640));
    fs::write(pages.join("gone.example.html"), "old").unwrap();
    fs::set_permissions(&pages, fs::Permissions::from_mode(0o755)).unwrap();
    site.text(&["--html-dir", "pages/"]);
    assert_eq!((mode(&pages), mode(&page)), (0o755, 0o644));
    assert!(!pages.join("gone.example.html").exists());
    fs::write(pages.join(".htaccess"), "Require all denied").unwrap();
    let before = names(&pages);
    let refused = site.report(&["--html-dir", "pages"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(69), "{said}");
    assert!(
        said.contains("it has .htaccess, which Backstop did not write"),
        "{said}"
    );
    assert_eq!(names(&pages), before);
}

/// The pages of domains that are not known now stay.
#[test]
fn without_a_list_of_domains_nothing_is_written() {
    let site = Site::new_with("{file: FOLDER/domains}", "");
    let file = site.path("milter.yaml");
    let yaml = fs::read_to_string(&file).unwrap();
    let folder = site.path("").display().to_string();
    fs::write(&file, yaml.replace("FOLDER", folder.trim_end_matches('/'))).unwrap();
    fs::write(site.path("domains"), "a.example\nb.example\n").unwrap();
    site.store(|_| ());
    let told = site.text(&["--html-dir", "pages"]);
    assert!(told.contains("the pages of 2 domains"), "{told}");
    let before = names(&site.path("pages"));
    fs::remove_file(site.path("domains")).unwrap();
    let refused = site.report(&["--html-dir", "pages"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(69), "{said}");
    assert!(
        said.contains("without them, their pages would be lost"),
        "{said}"
    );
    assert_eq!(names(&site.path("pages")), before);
}

/// In a small file system of its own, which root of a user namespace mounts.
#[test]
fn a_full_disk_leaves_the_old_pages() {
    let (site, tenants) = hosting("");
    fs::create_dir(site.path("small")).unwrap();
    let backstop = format!(
        "{} --config={} report --html-dir small/pages",
        env!("CARGO_BIN_EXE_backstop"),
        site.path("milter.yaml").display()
    );
    let page = format!("small/pages/{}.html", tenants[0].domain);
    let script = format!(
        "set -e; mount -t tmpfs -o size=400k tmpfs small; {backstop} >/dev/null; before=$(sha256sum {page}); \
         head -c 240k /dev/zero >small/filler; code=0; {backstop} 2>said || code=$?; echo \"code $code\"; cat said; \
         [ \"$before\" = \"$(sha256sum {page})\" ] && echo same; ls -A small; rm small/filler; {backstop} >/dev/null && echo again"
    );
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script]);
    let output = command.current_dir(site.path("")).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}{said}");
    for words in [
        "code 69\n",
        "small/pages can't be written: ",
        "No space left on device",
        "same\nfiller\npages\n",
        "again\n",
    ] {
        assert!(told.contains(words), "{words}: {told}{said}");
    }
}

/// Killed in the middle, again and again: whoever looks sees all of one run.
#[test]
fn a_crash_leaves_the_old_pages() {
    let (site, _) = hosting("");
    site.text(&["--html-dir", "pages"]);
    let pages = site.path("pages");
    let whole = names(&pages);
    let mut killed = 0;
    let mut pause = std::time::Duration::from_millis(1);
    // Each run lives a little longer, until one is through.
    loop {
        let mut command = Command::new(env!("CARGO_BIN_EXE_backstop"));
        command
            .arg(format!("--config={}", site.path("milter.yaml").display()))
            .args(["report", "--html-dir", "pages"])
            .current_dir(site.path(""))
            .stdout(Stdio::null());
        let mut child = command.spawn().unwrap();
        std::thread::sleep(pause);
        let _ = child.kill();
        let status = child.wait().unwrap();
        assert_eq!(names(&pages), whole, "after {pause:?}");
        if status.signal().is_none() {
            assert!(status.success());
            break;
        }
        killed += 1;
        pause += pause / 4 + std::time::Duration::from_millis(1);
    }
    assert!(killed > 3, "{killed}");
    site.text(&["--html-dir", "pages"]);
    let left: Vec<String> = names(&site.path(""))
        .into_iter()
        .filter(|name| name.contains("pages"))
        .collect();
    assert_eq!(left, ["pages"]);
}
