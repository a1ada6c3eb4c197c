use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;

fn site() -> (TempDir, PathBuf) {
    let folder = lab::mta::folder_in_memory().unwrap();
    let target = folder.path().join("pages");
    (folder, target)
}

fn written(target: &Path, content: &str) -> Result<Option<String>, String> {
    let folder = Folder::begin(target)?;
    folder.write("index.html", content.as_bytes())?;
    folder.write("example.org.html", content.as_bytes())?;
    folder.finish()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn it_replaces_what_it_wrote_as_a_whole() {
    let (site, target) = site();
    assert_eq!(written(&target, "one"), Ok(None));
    assert_eq!(
        (mode(&target), mode(&target.join("index.html"))),
        (0o750, 0o640)
    );
    let old = File::open(&target).unwrap();
    // A page of a domain that is gone is gone, too.
    fs::write(target.join("gone.example.html"), "x").unwrap();
    fs::set_permissions(&target, Permissions::from_mode(0o2755)).unwrap();
    assert_eq!(written(&target, "two"), Ok(None));
    assert_eq!(names(&target), [MARKER, "example.org.html", "index.html"]);
    assert_eq!(
        fs::read_to_string(target.join("index.html")).unwrap(),
        "two"
    );
    assert_eq!(
        (mode(&target), mode(&target.join("index.html"))),
        (0o2755, 0o644)
    );
    // Nothing is left beside it, and it is another folder than before.
    assert_eq!(names(site.path()), ["pages"]);
    assert_ne!(
        old.metadata().unwrap().ino(),
        fs::metadata(&target).unwrap().ino()
    );
}

#[test]
fn an_empty_folder_gives_its_permissions() {
    let (_site, target) = site();
    fs::create_dir(&target).unwrap();
    fs::set_permissions(&target, Permissions::from_mode(0o711)).unwrap();
    if Uid::effective().is_root() {
        let folder = File::open(&target).unwrap();
        fchown(&folder, Some(4_711), Some(4_712)).unwrap();
    }
    assert_eq!(written(&target, "one"), Ok(None));
    assert_eq!(
        (mode(&target), mode(&target.join("index.html"))),
        (0o711, 0o600)
    );
    if Uid::effective().is_root() {
        for path in [
            target.clone(),
            target.join("index.html"),
            target.join(MARKER),
        ] {
            let there = fs::metadata(&path).unwrap();
            assert_eq!((there.uid(), there.gid()), (4_711, 4_712), "{path:?}");
        }
    }
}

#[test]
fn what_others_wrote_stays() {
    type Put = fn(&Path);
    let tables: [(Put, &str); 7] = [
        (
            |target| fs::write(target, "x").unwrap(),
            "it is not a folder",
        ),
        (|target| symlink("/", target).unwrap(), "it is not a folder"),
        (
            |target| {
                fs::create_dir(target).unwrap();
                fs::write(target.join("index.html"), "x").unwrap();
            },
            "Backstop did not write it",
        ),
        (
            |target| {
                written(target, "one").unwrap();
                fs::write(target.join(".htaccess"), "x").unwrap();
            },
            "it has .htaccess, which Backstop did not write",
        ),
        (
            |target| {
                written(target, "one").unwrap();
                fs::create_dir(target.join("sub.example.html")).unwrap();
            },
            "it has sub.example.html, which Backstop did not write",
        ),
        (
            |target| {
                written(target, "one").unwrap();
                fs::remove_file(target.join(MARKER)).unwrap();
            },
            "Backstop did not write it",
        ),
        (
            |target| {
                let beside = target.with_file_name(".pages.new");
                fs::create_dir(&beside).unwrap();
                fs::write(beside.join("mine.txt"), "x").unwrap();
            },
            ".pages.new is in the way: it has mine.txt",
        ),
    ];
    for (put, why) in tables {
        let (site, target) = site();
        put(&target);
        let before = names(site.path());
        let refused = written(&target, "two").unwrap_err();
        assert!(refused.contains(why), "{why}: {refused}");
        assert_eq!(names(site.path()), before, "{why}");
        let page = target.join("index.html");
        assert_ne!(
            fs::read_to_string(page).ok().as_deref(),
            Some("two"),
            "{why}"
        );
    }
}

#[test]
fn what_ends_in_the_middle_leaves_the_old_one() {
    let (site, target) = site();
    written(&target, "one").unwrap();
    let folder = Folder::begin(&target).unwrap();
    folder.write("index.html", b"half").unwrap();
    // Two runs at once.
    let refused = written(&target, "three").unwrap_err();
    assert!(refused.contains("another run is writing it"), "{refused}");
    // As a crash does: nothing is cleaned up.
    let left = folder.new.clone();
    let crashed = site.path().join("crashed");
    fs::rename(&left, &crashed).unwrap();
    drop(folder);
    fs::rename(&crashed, &left).unwrap();
    assert_eq!(
        fs::read_to_string(target.join("index.html")).unwrap(),
        "one"
    );
    assert_eq!(names(site.path()), [".pages.new", "pages"]);
    // The next run removes what was left.
    written(&target, "four").unwrap();
    assert_eq!(
        fs::read_to_string(target.join("index.html")).unwrap(),
        "four"
    );
    assert_eq!(names(site.path()), ["pages"]);
    // One that gives up cleans up.
    let folder = Folder::begin(&target).unwrap();
    folder.write("index.html", b"half").unwrap();
    let twice = folder.write("index.html", b"again").unwrap_err();
    assert!(twice.contains("index.html: File exists"), "{twice}");
    drop(folder);
    assert_eq!(
        fs::read_to_string(target.join("index.html")).unwrap(),
        "four"
    );
    assert_eq!(names(site.path()), ["pages"]);
}
