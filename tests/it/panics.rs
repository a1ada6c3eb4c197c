//! A bug of ours costs the message that meets it a 451, and nothing else.

use std::{collections::HashMap, ops::RangeInclusive, path::Path, sync::Arc};

use backstop::{
    config,
    core::{
        aggregate::{AggregateReport, Kept},
        attack::{AttackCount, AttackKind, AttackRow, AttackTally, Sample},
        learned::{Learn, Learned},
        proof::{
            Keys,
            coverage::{CoverageCount, CoverageRow},
            ledger::{Hash, Remembered, Sent},
            uses::{Attempt, Use},
        },
        siege::{Answer, Question, SiegeEvent, Written},
        would::{Would, WouldRow},
    },
    directory::{Directory, tenants::Tenants},
    dns::Resolver,
    engine::{Drain, Engine, Shared},
    milter::{Counters, Listener, serve},
    store::{
        AttackStore, CoverageStore, DomainStore, ForgedStore, Health, LearnedStore, LedgerStore,
        Losses, ProofUseStore, Receipt, ReportStore, SiegeStore, SiegeWrite, Store, StoreAnswer,
        WouldStore,
    },
};
use futures_util::future::BoxFuture;
use lab::milter::{Client, Peer, Reply};
use tokio::sync::oneshot;

use crate::{
    batv::KEY,
    bounce::{BOUNCE, Ours, body},
};

/// A store with a bug wherever it is asked.
#[derive(Debug)]
struct Buggy;

impl LedgerStore for Buggy {
    fn sent(&self, _: Vec<Hash>) -> StoreAnswer<'_, Option<Remembered>> {
        Box::pin(async { panic!("a bug in a question") })
    }

    fn last_sent(&self, _: Vec<Hash>) -> StoreAnswer<'_, Option<u64>> {
        panic!("a bug before the question")
    }

    fn import(&self, _: Vec<Sent>) -> StoreAnswer<'_, u64> {
        panic!("nobody asks")
    }
}

impl ProofUseStore for Buggy {
    fn use_proof(&self, _: Hash, _: Attempt, _: u64) -> StoreAnswer<'_, Use> {
        panic!("a bug in a use")
    }
}

impl CoverageStore for Buggy {
    fn coverage(&self, _: RangeInclusive<u64>) -> StoreAnswer<'_, Vec<CoverageRow>> {
        panic!("nobody asks")
    }
}

impl LearnedStore for Buggy {
    fn learned(&self, _: Vec<Hash>) -> StoreAnswer<'_, Option<Learned>> {
        panic!("a bug in what was learned")
    }
}

impl SiegeStore for Buggy {
    fn siege_changes(&self, _: Question, _: usize) -> StoreAnswer<'_, Answer> {
        panic!("no rounds are made")
    }

    fn write_siege_records(&self, _: Vec<SiegeWrite>) -> StoreAnswer<'_, Vec<Written>> {
        panic!("no rounds are made")
    }
}

impl AttackStore for Buggy {
    fn attack(&self, _: RangeInclusive<u64>) -> StoreAnswer<'_, Vec<AttackRow>> {
        panic!("nobody asks")
    }

    fn attack_of(&self, _: AttackKind, _: RangeInclusive<u64>) -> StoreAnswer<'_, Vec<AttackRow>> {
        panic!("nobody asks")
    }

    fn samples(&self, _: RangeInclusive<u64>) -> StoreAnswer<'_, Vec<Sample>> {
        panic!("nobody asks")
    }
}

impl ForgedStore for Buggy {
    fn forged_since(&self, _: u64) -> StoreAnswer<'_, Vec<(Hash, u64)>> {
        panic!("nobody asks")
    }
}

impl WouldStore for Buggy {
    fn would(&self, _: RangeInclusive<u64>) -> StoreAnswer<'_, Vec<WouldRow>> {
        panic!("nobody asks")
    }

    fn accepted_of(
        &self,
        _: RangeInclusive<u64>,
        _: Vec<String>,
    ) -> StoreAnswer<'_, HashMap<String, u64>> {
        panic!("nobody asks")
    }
}

impl DomainStore for Buggy {
    fn attack_days(&self, _: RangeInclusive<u64>) -> StoreAnswer<'_, Vec<AttackRow>> {
        panic!("nobody asks")
    }

    fn attack_sums(&self, _: RangeInclusive<u64>) -> StoreAnswer<'_, Vec<(String, AttackTally)>> {
        panic!("nobody asks")
    }

    fn coverage_sums(&self, _: RangeInclusive<u64>) -> StoreAnswer<'_, Vec<CoverageRow>> {
        panic!("nobody asks")
    }

    fn provable_sums(&self, _: RangeInclusive<u64>) -> StoreAnswer<'_, Vec<CoverageRow>> {
        panic!("nobody asks")
    }

    fn siege_events(&self, _: u64) -> StoreAnswer<'_, Vec<SiegeEvent>> {
        panic!("nobody asks")
    }
}

impl ReportStore for Buggy {
    fn import_reports(&self, _: Vec<AggregateReport>) -> StoreAnswer<'_, Vec<Kept>> {
        panic!("nobody asks")
    }

    fn reports(&self, _: RangeInclusive<u64>) -> StoreAnswer<'_, Vec<AggregateReport>> {
        panic!("nobody asks")
    }
}

impl Store for Buggy {
    fn remember(&self, _: Sent) -> Receipt {
        panic!("a bug where a message waits");
    }

    fn count(&self, _: u64, _: CoverageCount) {}

    fn learn(&self, _: Learn) -> bool {
        true
    }

    fn count_attack(&self, _: u64, _: Vec<AttackCount>) {}

    fn keep_sample(&self, _: Sample) {}

    fn keep_forged(&self, _: u64, _: Vec<Hash>) {
        panic!("a bug where forgeries are kept")
    }

    fn count_would(&self, _: u64, _: Vec<Would>, _: Option<String>) {}

    fn note_siege(&self, _: SiegeEvent) {}

    fn losses(&self) -> Arc<Losses> {
        Arc::default()
    }

    fn flush(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    fn health(&self) -> Health {
        Health::default()
    }
}

const CONFIG: &str = r#"
listen: inet:0@127.0.0.1
mode: enforce
local: {domains: [example.org], networks: [10.0.0.0/8]}
dns: {nameservers: ["127.0.0.1:9"], timeout: 100ms, budget: 200ms}
spf: {mail_from: {temperror: accept}}
proof: {key_file: /etc/backstop/keys, ledger: {remember: true}, dkim: {verify: false}}
"#;

fn engine() -> Engine {
    let mut config = config::parse(Path::new("panics.yaml"), CONFIG).unwrap();
    config.policy.proof.keys = Keys::parse(KEY).unwrap();
    Engine {
        timings: Arc::default(),
        resolver: Resolver::new(&config.dns).unwrap(),
        policy: Arc::new(config.policy),
        directory: Directory::new(config.directories),
        tenants: Tenants::new(&config.tenants),
        blocklists: Arc::default(),
        guesses: Arc::default(),
        remembered: Arc::default(),
        signatures: Arc::default(),
        dkim_keys: config.dkim_keys,
        sieges: Arc::default(),
        forged: Arc::default(),
        accounts: Arc::default(),
        domains: Arc::default(),
        store: Some(Arc::new(Buggy)),
    }
}

#[test]
fn a_bug_costs_its_message_a_451_and_nothing_else() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (end, ended) = oneshot::channel::<()>();
    let drain = Drain::default();
    let config = config::parse(Path::new("panics.yaml"), CONFIG).unwrap();
    let counters = Arc::<Counters>::default();
    let listener = runtime.block_on(async {
        Listener::bind(&config.listen, &config.socket, 10, &drain, counters).unwrap()
    });
    let address = listener.tcp_address().unwrap();
    let shared = Arc::new(Shared::new(engine(), drain));
    let served = runtime.spawn(async move {
        let end = async {
            let _ = ended.await;
        };
        serve(listener, &shared, 10, end).await
    });

    let mut client = session(address, "192.0.2.1");
    let content = body("far@friend.example", &Ours::new("x", "far@friend.example"));
    let mut submission = session(address, "10.0.0.1");
    for _ in 0..3 {
        // In a question of the ledger.
        assert_eq!(bounce(&mut client, &content), "451 4.3.0");
        // The same session serves mail that the bug has nothing to do with.
        client.mail("a@friend.example", &[]).unwrap();
        let rcpt = client.rcpt("joe@example.org", &[]).unwrap();
        assert_eq!(rcpt, Reply::Continue);
        assert_eq!(client.eom().unwrap().reply, Reply::Continue);
        // At the very end, where what leaves is remembered.
        submission.mail("joe@example.org", &[]).unwrap();
        let rcpt = submission.rcpt("far@friend.example", &[]).unwrap();
        assert_eq!(rcpt, Reply::Continue);
        submission.header(b"Message-ID", b"<1@pc>").unwrap();
        submission.eoh().unwrap();
        assert_eq!(codes(submission.eom().unwrap().reply), "451 4.3.0");
    }
    end.send(()).unwrap();
    drop((client, submission));
    runtime.block_on(served).unwrap().unwrap();
}

fn session(address: std::net::SocketAddr, from: &str) -> Client {
    let mut client = Client::tcp(address).unwrap();
    let peer = Peer::at(from.parse().unwrap());
    client.connect("client.example", peer).unwrap();
    client.helo("client.example").unwrap();
    client
}

fn bounce(client: &mut Client, content: &str) -> String {
    client.mail("", &[]).unwrap();
    let rcpt = client.rcpt("joe@example.org", &[]).unwrap();
    assert_eq!(rcpt, Reply::Continue);
    for line in BOUNCE.lines() {
        let (name, value) = line.split_once(':').unwrap();
        client.header(name.as_bytes(), value.as_bytes()).unwrap();
    }
    assert_eq!(client.eoh().unwrap(), Reply::Continue);
    client.body(content.as_bytes()).unwrap();
    codes(client.eom().unwrap().reply)
}

fn codes(reply: Reply) -> String {
    match reply {
        Reply::ReplyCode(text) => text[..9].to_owned(),
        other => format!("{other:?}"),
    }
}
