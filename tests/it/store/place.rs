//! Where a store of a test is, and what is put into it.

use std::{
    env,
    ffi::OsStr,
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use backstop::{
    core::{
        learned::Learn,
        proof::{
            DAY,
            ledger::{Hash, Sent},
            uses::{Attempt, Counter, Use},
        },
        siege::Written,
    },
    store::{Reason, Retention, SiegeWrite, Store, StoreUrl, Unavailable, open, siege_record},
};
use lab::redis::{Options, Redis};
use sqlx::{ConnectOptions, Executor, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

/// How long something may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What is kept here.
pub const KEEP: Retention = Retention {
    ledger_days: 30,
    learned_days: 10,
    max_learned: 16_384,
};

/// A store's place, gone when dropped.
pub enum Place {
    Sqlite(TempDir),
    Redis(Redis),
}

impl Place {
    pub fn sqlite() -> Self {
        Self::Sqlite(lab::mta::folder_in_memory().unwrap())
    }

    pub fn redis() -> Self {
        Self::Redis(Redis::start(Options::default()).unwrap())
    }

    pub fn url(&self) -> StoreUrl {
        match self {
            Self::Sqlite(folder) => sqlite_url(folder),
            Self::Redis(redis) => redis_url(redis),
        }
    }

    /// Opens it, and waits until it can be asked.
    pub async fn open(&self) -> Arc<dyn Store> {
        self.open_to_keep(KEEP).await
    }

    /// Has another program change the file of SQLite.
    pub async fn execute(&self, statement: &str) {
        let url = self.url();
        let mut other = other_program(url.file().unwrap()).await;
        let statement = sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned()));
        other.execute(statement).await.unwrap();
    }

    pub async fn open_to_keep(&self, keep: Retention) -> Arc<dyn Store> {
        let store = open(&self.url(), keep);
        until_open(&*store).await;
        store
    }
}

/// Another program that opens a file.
pub async fn other_program(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true);
    options.connect().await.unwrap()
}

pub fn sqlite_url(folder: &TempDir) -> StoreUrl {
    let path = folder.path().join("state.db");
    format!("sqlite:{}", path.display()).parse().unwrap()
}

pub fn redis_url(redis: &Redis) -> StoreUrl {
    url(&format!("redis://127.0.0.1:{}", redis.port()))
}

pub fn url(text: &str) -> StoreUrl {
    text.parse().unwrap()
}

pub fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

pub fn today() -> u64 {
    now() / DAY
}

/// A copy of a test in a process of its own, which `runner` runs where it isn't empty. It finds `place` in [`AGAIN`].
pub fn again(test: &str, place: impl AsRef<OsStr>, runner: &[&str]) -> Command {
    let test_binary = env::current_exe().unwrap();
    let mut command = match runner {
        [] => Command::new(test_binary),
        [program, arguments @ ..] => {
            let mut command = Command::new(program);
            command.args(arguments).arg(test_binary);
            command
        }
    };
    command
        .args(["--exact", "--nocapture", &format!("store::{test}")])
        .env(AGAIN, place.as_ref());
    command
}

/// The variable that tells such a copy where the store is.
pub const AGAIN: &str = "BACKSTOP_TEST_STORE";

/// A hash like no other with another number.
pub fn hash(number: u64) -> Hash {
    let mut bytes = [0xff; 16];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    Hash::from_bytes(bytes)
}

/// A hash such as keys make them: they differ in what they begin with.
pub fn spread(number: u64) -> Hash {
    hash(number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// A message to nobody in particular, by the sender of all of them.
pub fn message(number: u64) -> Sent {
    Sent {
        message: Some(hash(number)),
        sender: Some(hash(0)),
        recipients: vec![hash(1), hash(2)],
        hosts: vec![],
        recipient_count: 2,
        at: now(),
        domain: None,
    }
}

/// Uses a proof once more: how often it was used now.
pub async fn use_proof(
    store: &dyn Store,
    message: Hash,
    now: u64,
    until: u64,
) -> Result<u32, Unavailable> {
    let attempt = Attempt {
        counter: Counter::Failure,
        limit: u32::MAX,
        notification: None,
        now,
    };
    match store.use_proof(message, attempt, until).await? {
        Use::Counted { times, .. } => Ok(times),
        other => panic!("{other:?}"),
    }
}

/// Whether a message is remembered, by a store that can be asked.
pub async fn remembers(store: &dyn Store, number: u64) -> bool {
    store.sent(vec![hash(number)]).await.unwrap().is_some()
}

/// Why what is asked about addresses and sieges is refused: what is learned, the records, and writing one. `None` for
/// what is answered.
pub async fn refusals(store: &dyn Store) -> [Option<Reason>; 3] {
    let reason = |error: Unavailable| error.reason();
    let new = NEXT_NAME.fetch_add(1, Ordering::Relaxed);
    let name = format!("{new}.example.org");
    [
        store.learned(vec![hash(1)]).await.err().map(reason),
        siege_record(store, &name).await.err().map(reason),
        write_record(store, &name, 0, &[1]).await.err().map(reason),
    ]
}

/// Writes the record of a siege over a version, and gives the new one; none if there is another.
pub async fn write_record(
    store: &dyn Store,
    name: &str,
    seen: u64,
    bytes: &[u8],
) -> Result<Option<u64>, Unavailable> {
    let write = SiegeWrite {
        name: name.to_owned(),
        seen,
        bytes: bytes.to_owned(),
        is_invented: false,
    };
    let written = store.write_siege_records(vec![write]).await?;
    match written[..] {
        [Written::Version(version)] => Ok(Some(version)),
        [Written::Raced] => Ok(None),
        _ => panic!("{written:?}"),
    }
}

static NEXT_NAME: AtomicU64 = AtomicU64::new(0);

/// That an address got mail today.
pub fn accepted(number: u64) -> Learn {
    Learn {
        address: spread(number),
        day: today(),
        sent: false,
    }
}

/// Waits until something is known of an address, whether or not the store can be asked all the time.
pub async fn until_learned(store: &dyn Store, number: u64) {
    until("it is learned", async || {
        matches!(store.learned(vec![spread(number)]).await, Ok(Some(_)))
    })
    .await;
}

/// Waits until a question is answered.
pub async fn until_open(store: &dyn Store) {
    until("it is open", async || store.sent(vec![]).await.is_ok()).await;
}

/// Waits until all that was queued is written.
pub async fn until_written(store: &dyn Store) {
    store.flush().await;
    until("it is written", async || store.health().waiting == 0).await;
}

/// Asks until the answer is yes.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let asked = timeout(PATIENCE, async {
        while !is_so().await {
            sleep(Duration::from_millis(20)).await;
        }
    });
    asked
        .await
        .unwrap_or_else(|_| panic!("not in time: {what}"));
}

/// Waits until a message is written, whether or not the store can be asked all the time.
pub async fn until_remembered(store: &dyn Store, number: u64) {
    until("it is remembered", async || {
        store.health().waiting == 0 && matches!(store.sent(vec![hash(number)]).await, Ok(Some(_)))
    })
    .await;
}

/// Waits until a question is refused for this reason.
pub async fn until_refused(store: &dyn Store, reason: Reason) -> Unavailable {
    let mut refusal = None;
    until("it is refused", async || {
        // What nobody has sent, for what waits to be written is known.
        refusal = store.sent(vec![hash(u64::MAX)]).await.err();
        refusal
            .as_ref()
            .is_some_and(|error| error.reason() == reason)
    })
    .await;
    refusal.unwrap()
}
