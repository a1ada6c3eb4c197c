//! What can be wrong with a file, and that it is never made worse.

use std::{
    env, fs,
    fs::Permissions,
    io::{BufRead, BufReader},
    os::unix::fs::{FileExt, MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    process::Stdio,
};

use backstop::store::{Lost, Reason, open};
use sqlx::{Connection, Executor};
use tempfile::TempDir;

use super::place::{
    AGAIN, KEEP, accepted, again, hash, message, now, other_program, refusals, remembers,
    sqlite_url, until, until_learned, until_open, until_refused, until_remembered, until_written,
    url, use_proof,
};

fn file(folder: &TempDir) -> PathBuf {
    sqlite_url(folder).file().unwrap().to_owned()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// A store that was in use, and is closed.
async fn used() -> TempDir {
    let folder = lab::mta::folder_in_memory().unwrap();
    let store = open(&sqlite_url(&folder), KEEP);
    for number in 1..500 {
        store.remember(message(number));
    }
    until_written(&*store).await;
    drop(store);
    // The last connection that is closed puts the WAL into the file and removes it, unless two are closed at once.
    let path = file(&folder);
    until("it is closed", async || {
        let mut other = other_program(&path).await;
        let read = "SELECT count(*) FROM sqlite_schema";
        sqlx::query(read).fetch_one(&mut other).await.unwrap();
        other.close().await.unwrap();
        !beside(&path, "-wal").exists()
    })
    .await;
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn only_its_owner_can_read_it() {
    let folder = lab::mta::folder_in_memory().unwrap();
    let store = open(&sqlite_url(&folder), KEEP);
    store.remember(message(1));
    until_remembered(&*store, 1).await;
    for ending in ["", "-wal", "-shm"] {
        assert_eq!(mode(&beside(&file(&folder), ending)), 0o600, "{ending}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_belongs_to_whom_its_folder_belongs_to() {
    let folder = lab::mta::folder_in_memory().unwrap();
    // Root may give it away: `backstop check` is run by root, the daemon by another.
    let _ = chown(folder.path(), Some(1), Some(1));
    let owner = |path: &Path| {
        let metadata = fs::metadata(path).unwrap();
        (metadata.uid(), metadata.gid())
    };
    let store = open(&sqlite_url(&folder), KEEP);
    store.remember(message(1));
    until_remembered(&*store, 1).await;
    for ending in ["", "-wal", "-shm"] {
        let path = beside(&file(&folder), ending);
        assert_eq!(owner(&path), owner(folder.path()), "{ending}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_folder_may_come_later() {
    let folder = lab::mta::folder_in_memory().unwrap();
    let missing = folder.path().join("lib/backstop");
    let store = open(
        &url(&format!("sqlite:{}/state.db", missing.display())),
        KEEP,
    );
    store.remember(message(1));
    let error = until_refused(&*store, Reason::Down).await;
    assert_eq!(refusals(&*store).await, [Some(Reason::Down); 3]);
    store.learn(accepted(1));
    let told = format!("make the folder {}", missing.display());
    assert!(error.to_string().contains(&told), "{error}");
    fs::create_dir_all(&missing).unwrap();
    until_remembered(&*store, 1).await;
    until_learned(&*store, 1).await;
    assert_eq!(refusals(&*store).await, [None; 3]);
    assert_eq!(store.health().down, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_database_is_left_as_it_is() {
    let folder = lab::mta::folder_in_memory().unwrap();
    let path = file(&folder);
    let text = "somebody's notes\n".repeat(1_000);
    fs::write(&path, &text).unwrap();
    let store = open(&sqlite_url(&folder), KEEP);
    store.remember(message(1));
    let error = until_refused(&*store, Reason::Corrupt).await;
    assert!(error.to_string().contains("move it away"), "{error}");
    assert_eq!(refusals(&*store).await, [Some(Reason::Corrupt); 3]);
    store.flush().await;
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    fs::rename(&path, folder.path().join("notes")).unwrap();
    until_remembered(&*store, 1).await;
}

/// Overwrites all but the header and the list of tables, and what is not in the file yet.
fn damage(path: &Path) {
    for ending in ["", "-wal"] {
        let path = beside(path, ending);
        let octets = fs::metadata(&path).map_or(0, |metadata| metadata.len());
        if octets > 4096 {
            let file = fs::OpenOptions::new().write(true).open(path).unwrap();
            let garbage = vec![0x5a; usize::try_from(octets - 4096).unwrap()];
            file.write_all_at(&garbage, 4096).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_makes_room_and_what_it_had_is_lost() {
    let folder = used().await;
    let path = file(&folder);
    let moved = beside(&path, ".damaged");
    let store = open(&sqlite_url(&folder), KEEP);
    store.remember(message(1_000));
    until_remembered(&*store, 1_000).await;
    damage(&path);
    until("it is noticed", async || {
        store.sent(vec![hash(1)]).await.is_err()
    })
    .await;
    until("another is in its place", async || moved.exists()).await;
    for number in 2_000..2_500 {
        store.remember(message(number));
    }
    until_remembered(&*store, 2_499).await;
    assert!(!remembers(&*store, 1).await);
    assert_eq!(mode(&moved), 0o600);
    // 499 that were there, and one of today.
    let lost = |messages| Lost {
        messages,
        ..Lost::default()
    };
    assert_eq!(store.health().lost, lost(500));
    drop(store);

    // Somebody has to look at it before that is done again.
    let damaged = fs::read(&moved).unwrap();
    let store = open(&sqlite_url(&folder), KEEP);
    // What was read stays in memory; who asks for what was not, notices.
    assert!(remembers(&*store, 2_000).await);
    damage(&path);
    let error = until_refused(&*store, Reason::Corrupt).await;
    assert!(error.to_string().contains("move it away"), "{error}");
    assert_eq!(refusals(&*store).await, [Some(Reason::Corrupt); 3]);
    assert_eq!(fs::read(&moved).unwrap(), damaged);
    assert_eq!(store.health().lost, Lost::default());
    fs::remove_file(&moved).unwrap();
    store.remember(message(3_000));
    until_remembered(&*store, 3_000).await;
    assert!(moved.exists());
    assert_eq!(store.health().lost, lost(500));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_may_be_replaced_by_a_copy() {
    let folder = used().await;
    let path = file(&folder);
    let whole = fs::read(&path).unwrap();
    damage(&path);
    fs::write(beside(&path, ".damaged"), "an older one").unwrap();
    let store = open(&sqlite_url(&folder), KEEP);
    until_refused(&*store, Reason::Corrupt).await;
    // As the text says: move it away, and those beside it; a copy comes in its place.
    for ending in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(beside(&path, ending));
    }
    fs::write(folder.path().join("copy"), &whole).unwrap();
    fs::rename(folder.path().join("copy"), &path).unwrap();
    until_remembered(&*store, 1).await;
    assert_eq!(store.health().lost, Lost::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_of_another_program_is_left_as_it_is() {
    let folder = lab::mta::folder_in_memory().unwrap();
    let path = file(&folder);
    let mut other = other_program(&path).await;
    other.execute("CREATE TABLE mine (a)").await.unwrap();
    drop(other);
    let before = fs::read(&path).unwrap();
    let store = open(&sqlite_url(&folder), KEEP);
    store.remember(message(1));
    let error = until_refused(&*store, Reason::Corrupt).await;
    assert!(error.to_string().contains("another program"), "{error}");
    store.flush().await;
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_schema_is_left_as_it_is() {
    let folder = used().await;
    let path = file(&folder);
    let mut newer = other_program(&path).await;
    newer.execute("PRAGMA user_version = 99").await.unwrap();
    newer.close().await.unwrap();
    let before = fs::read(&path).unwrap();
    let store = open(&sqlite_url(&folder), KEEP);
    store.remember(message(1_000));
    let error = until_refused(&*store, Reason::Newer).await;
    assert!(error.to_string().contains("schema 99"), "{error}");
    store.learn(accepted(1));
    assert_eq!(refusals(&*store).await, [Some(Reason::Newer); 3]);
    store.flush().await;
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(
        store.health().down.map(|down| down.reason()),
        Some(Reason::Newer)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_stops_what_writes_and_nothing_else() {
    let folder = used().await;
    let store = open(&sqlite_url(&folder), KEEP);
    until_open(&*store).await;
    let mut other = other_program(&file(&folder)).await;
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    store.remember(message(1_000));
    store.learn(accepted(1));
    let mut times = 0;
    // Until what is to be written was refused, and for a while after.
    until("a batch is refused", async || {
        times += 1;
        let used = use_proof(&*store, hash(1), now(), now() + 600).await;
        assert_eq!(used, Ok(times));
        assert!(remembers(&*store, 1).await);
        assert_eq!(refusals(&*store).await, [None, None, Some(Reason::Busy)]);
        let health = store.health();
        assert_eq!(health.down, None);
        // One of the records each time; any more is a batch.
        health.failures > u64::from(times) && times > 7
    })
    .await;
    assert_eq!(store.health().waiting, u64::from(times) + 2);
    other.execute("ROLLBACK").await.unwrap();
    until_remembered(&*store, 1_000).await;
    until_learned(&*store, 1).await;
    assert_eq!(
        use_proof(&*store, hash(1), now(), now() + 600).await,
        Ok(times + 1)
    );
    assert_eq!(refusals(&*store).await, [None; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_writer_loses_nothing_that_was_written() {
    if let Some(folder) = env::var_os(AGAIN) {
        write_for_ever(Path::new(&folder)).await;
    }
    let folder = lab::mta::folder_in_memory().unwrap();
    let test = "sqlite::a_killed_writer_loses_nothing_that_was_written";
    let mut writer = again(test, folder.path(), &[])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(writer.stdout.take().unwrap()).lines();
    let written = lines.map_while(Result::ok).filter_map(|line| {
        let number = line.split_once("written ")?.1;
        Some(number.parse::<u64>().unwrap())
    });
    let written = written.take(5).last().unwrap();
    // `backstop report` reads while the daemon writes.
    let reader = open(&sqlite_url(&folder), KEEP);
    until_remembered(&*reader, written).await;
    drop(reader);
    // It is in the middle of the next ones.
    writer.kill().unwrap();
    writer.wait().unwrap();

    let store = open(&sqlite_url(&folder), KEEP);
    until_open(&*store).await;
    for number in 1..=written {
        assert!(remembers(&*store, number).await, "{number} of {written}");
    }
    let uses = use_proof(&*store, hash(1), now(), now() + 600)
        .await
        .unwrap();
    assert!(uses > 5, "{uses}");
    let mut other = other_program(&file(&folder)).await;
    let check: String = sqlx::query_scalar("PRAGMA integrity_check")
        .fetch_one(&mut other)
        .await
        .unwrap();
    assert_eq!(check, "ok");
}

async fn write_for_ever(folder: &Path) -> ! {
    let store = open(&url(&format!("sqlite:{}/state.db", folder.display())), KEEP);
    let mut number = 0;
    loop {
        for _ in 0..300 {
            number += 1;
            store.remember(message(number));
        }
        let used = use_proof(&*store, hash(1), now(), now() + 600).await;
        used.unwrap();
        until_written(&*store).await;
        println!("written {number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_file_needs_no_more_descriptors() {
    if let Some(folder) = env::var_os(AGAIN) {
        return without_descriptors(Path::new(&folder)).await;
    }
    let folder = lab::mta::folder_in_memory().unwrap();
    let test = "sqlite::an_open_file_needs_no_more_descriptors";
    let runner = &["prlimit", "--nofile=64:64"];
    let output = again(test, folder.path(), runner).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("it was tried"), "{said}");
}

async fn without_descriptors(folder: &Path) {
    let store_in = |name: &str| {
        let path = folder.join(name);
        open(&url(&format!("sqlite:{}", path.display())), KEEP)
    };
    let store = store_in("state.db");
    assert!(store.remember(message(1)).is_kept().await);
    // Both connections that read.
    let asked = (0..9).map(|_| store.sent(vec![hash(1)]));
    assert!(
        futures_util::future::join_all(asked)
            .await
            .iter()
            .all(Result::is_ok)
    );
    let mut files = Vec::new();
    while let Ok(file) = fs::File::open("/dev/null") {
        files.push(file);
    }
    for number in 2..50 {
        assert!(store.remember(message(number)).is_kept().await);
        assert!(remembers(&*store, number).await);
    }
    let other = store_in("other.db");
    until_refused(&*other, Reason::Down).await;
    assert!(!other.remember(message(1)).is_kept().await);
    drop(files);
    until_remembered(&*other, 1).await;
    assert_eq!(other.health().lost, Lost::default());
    println!("it was tried");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_can_only_be_read_is_not_written() {
    if let Some(folder) = env::var_os(AGAIN) {
        return without_the_right_to_write(Path::new(&folder)).await;
    }
    let folder = used().await;
    // Root may write everything, unless it lacks the capabilities for that.
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let runner: &[&str] = match is_root {
        true => &["setpriv", "--bounding-set=-all", "--inh-caps=-all"],
        false => &[],
    };
    let test = "sqlite::a_file_that_can_only_be_read_is_not_written";
    let output = again(test, folder.path(), runner).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("it was tried"), "{said}");
}

async fn without_the_right_to_write(folder: &Path) {
    let path = folder.join("state.db");
    let allow =
        |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    // The file.
    allow(&path, 0o400);
    assert!(fs::OpenOptions::new().write(true).open(&path).is_err());
    let before = fs::read(&path).unwrap();
    let store = open(&url(&format!("sqlite:{}", path.display())), KEEP);
    assert_eq!(use_proof(&*store, hash(1), now(), now() + 600).await, Ok(1));
    let read_only = [None, None, Some(Reason::ReadOnly)];
    assert_eq!(refusals(&*store).await, read_only);
    store.remember(message(1_000));
    store.learn(accepted(1));
    store.flush().await;
    assert_eq!(fs::read(&path).unwrap(), before);
    // The connection that was made would never write, though the file is mended.
    allow(&path, 0o600);
    until_written(&*store).await;
    assert_eq!(refusals(&*store).await, [None; 3]);
    assert_eq!(use_proof(&*store, hash(1), now(), now() + 600).await, Ok(2));
    drop(store);

    // The folder, without a file in it.
    let empty = folder.join("empty");
    fs::create_dir(&empty).unwrap();
    allow(&empty, 0o500);
    let store = open(&url(&format!("sqlite:{}/state.db", empty.display())), KEEP);
    let error = until_refused(&*store, Reason::ReadOnly).await;
    assert!(
        error.to_string().contains(&empty.display().to_string()),
        "{error}"
    );
    store.remember(message(1));
    allow(&empty, 0o700);
    until_remembered(&*store, 1).await;
    println!("it was tried");
}
