//! The last good answer of each list, in a file of its own in the state folder, so that it outlives a restart.

use std::{
    collections::HashSet,
    fmt::Write as _,
    fs::{self, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use tempfile::Builder;

use super::{DomainSource, names::order};
use crate::core::pattern::DomainPattern;

/// The first line of such a file is this, and then a sum of what the list is and of all that follows.
const MARK: &str = "backstop domains 1 ";
const BEGIN: &str = "domains-";
const END: &str = ".list";
const UNFINISHED: &str = ".new";
/// The longest that is read: more than the largest list can need.
const LARGEST: u64 = 32 << 20;
/// How long a file stays that no list has any more. Another daemon with the same folder touches its own each minute.
const UNNAMED: Duration = Duration::from_secs(24 * 60 * 60);

/// The name of the file of a list. A list that is asked for something else is another list.
pub(super) fn file_name(source: &DomainSource) -> String {
    let sum = Sha256::digest(source.identity());
    let short = sum.get(..8).unwrap_or_default();
    format!("{BEGIN}{}{END}", HEXLOWER.encode(short))
}

/// The list as it was kept last, and when it was good; a file that is broken, or another's, is none.
pub(super) fn read(
    folder: &Path,
    source: &DomainSource,
) -> Option<(Vec<DomainPattern>, SystemTime)> {
    let path = folder.join(file_name(source));
    // Whoever may write there could put anything there.
    let flags = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)
        .ok()?;
    let metadata = file.metadata().ok()?;
    if !metadata.is_file() || metadata.len() > LARGEST {
        return None;
    }
    let mut text = String::new();
    (&file).take(LARGEST).read_to_string(&mut text).ok()?;
    let (first, names) = text.split_once('\n')?;
    if first.strip_prefix(MARK)? != sum(source, names) {
        return None;
    }
    let domains: Result<Vec<DomainPattern>, _> = names.lines().map(str::parse).collect();
    let mut domains = domains.ok().filter(|domains| !domains.is_empty())?;
    domains.sort_unstable_by(order);
    domains.dedup();
    Some((domains, metadata.modified().ok()?))
}

/// Keeps a list. The file is there as a whole, or the former one is.
///
/// # Errors
/// It can't be written.
pub(super) fn write(
    folder: &Path,
    source: &DomainSource,
    domains: &[DomainPattern],
) -> io::Result<()> {
    let mut names = String::with_capacity(domains.len() * 24);
    for domain in domains {
        // To a text, that does not fail.
        let _ = writeln!(names, "{domain}");
    }
    let mut file = Builder::new()
        .prefix(BEGIN)
        .suffix(UNFINISHED)
        .tempfile_in(folder)?;
    writeln!(file, "{MARK}{}", sum(source, &names))?;
    file.write_all(names.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(folder.join(file_name(source)))?;
    Ok(())
}

/// Notes that the list is good now, and the same as before.
///
/// # Errors
/// There is no such file, or it is another's.
pub(super) fn touch(folder: &Path, source: &DomainSource, now: SystemTime) -> io::Result<()> {
    let path = folder.join(file_name(source));
    let file = OpenOptions::new()
        .write(true)
        .custom_flags(nix::libc::O_NOFOLLOW)
        .open(path)?;
    file.set_modified(now)
}

/// Removes the files of lists that are no longer named, and those that were never finished.
pub(super) fn sweep<'a>(
    folder: &Path,
    sources: impl Iterator<Item = &'a DomainSource>,
    now: SystemTime,
) {
    let named: HashSet<String> = sources.map(file_name).collect();
    let is_old = |path: &Path| {
        let modified = fs::symlink_metadata(path).and_then(|metadata| metadata.modified());
        modified.is_ok_and(|at| now.duration_since(at).is_ok_and(|age| age > UNNAMED))
    };
    let found = fs::read_dir(folder).into_iter().flatten().flatten();
    let ours = found.filter(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_one = name.starts_with(BEGIN) && (name.ends_with(END) || name.ends_with(UNFINISHED));
        is_one && !named.contains(&*name)
    });
    let old: Vec<PathBuf> = ours
        .map(|entry| entry.path())
        .filter(|path| is_old(path))
        .collect();
    for path in old {
        if let Err(error) = fs::remove_file(&path) {
            log::debug!("{}: {error}", path.display());
        }
    }
}

fn sum(source: &DomainSource, names: &str) -> String {
    let mut sum = Sha256::new();
    sum.update(source.identity());
    sum.update([0]);
    sum.update(names);
    HEXLOWER.encode(&sum.finalize())
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        os::unix::fs::{MetadataExt, symlink},
    };

    use super::*;

    fn source(name: &str) -> DomainSource {
        DomainSource::File(name.into())
    }

    fn domains(names: &[&str]) -> Vec<DomainPattern> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn what_is_kept_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let (folder, source) = (folder.path(), source("/a"));
        assert_eq!(read(folder, &source), None);
        for names in [&["a.example", ".b.example"][..], &["c.example"]] {
            write(folder, &source, &domains(names)).unwrap();
            assert_eq!(read(folder, &source).unwrap().0, domains(names));
        }
        let mode = fs::metadata(folder.join(file_name(&source)))
            .unwrap()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        let before = SystemTime::now() - Duration::from_secs(1000);
        touch(folder, &source, before).unwrap();
        let at = read(folder, &source).unwrap().1;
        assert!(at.duration_since(before).unwrap() < Duration::from_millis(1));
        assert_eq!(fs::read_dir(folder).unwrap().count(), 1);
        assert!(touch(folder, &super::DomainSource::File("/b".into()), before).is_err());
    }

    #[test]
    fn a_broken_or_foreign_file_counts_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let (folder, source) = (folder.path(), source("/a"));
        let path = folder.join(file_name(&source));
        write(folder, &source, &domains(&["a.example", "b.example"])).unwrap();
        let good = fs::read(&path).unwrap();
        let other = super::DomainSource::PostfixMap("/a".into());
        write(folder, &other, &domains(&["evil.example"])).unwrap();
        let foreign = fs::read(folder.join(file_name(&other))).unwrap();
        let mut changed = good.clone();
        changed.extend_from_slice(b"evil.example\n");
        let mut cut = good.clone();
        cut.truncate(good.len() - 3);
        for bytes in [
            b"".as_slice(),
            b"a.example\n",
            &cut,
            &changed,
            &foreign,
            &[0xff; 100],
            &[0; 100],
        ] {
            fs::write(&path, bytes).unwrap();
            assert_eq!(read(folder, &source), None, "{}", bytes.escape_ascii());
        }
        fs::write(&path, &good).unwrap();
        assert!(read(folder, &source).is_some());
        let file = File::options().write(true).open(&path).unwrap();
        file.set_len(LARGEST + 1).unwrap();
        assert_eq!(read(folder, &source), None);
        fs::remove_file(&path).unwrap();
        fs::write(folder.join("elsewhere"), &good).unwrap();
        symlink(folder.join("elsewhere"), &path).unwrap();
        assert_eq!(read(folder, &source), None);
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert_eq!(read(folder, &source), None);
        assert!(write(folder, &source, &domains(&["a.example"])).is_err());
    }

    #[test]
    fn what_nothing_names_is_removed_after_a_day() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let (named, unnamed) = (source("/named"), source("/unnamed"));
        for source in [&named, &unnamed] {
            write(folder, source, &domains(&["a.example"])).unwrap();
        }
        for name in ["domains-x.new", "state.db", "domains.list"] {
            fs::write(folder.join(name), "x").unwrap();
        }
        let names = || {
            let names = fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().file_name());
            let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
            names.sort();
            names
        };
        let all = names();
        let now = SystemTime::now();
        sweep(folder, [&named].into_iter(), now + UNNAMED / 2);
        assert_eq!(names(), all);
        sweep(
            folder,
            [&named].into_iter(),
            now + UNNAMED + Duration::from_secs(9),
        );
        let mut left = vec![
            file_name(&named),
            "domains.list".to_owned(),
            "state.db".to_owned(),
        ];
        left.sort();
        assert_eq!(names(), left);
    }
}
