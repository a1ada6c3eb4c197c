//! `backstop report tenants`, `coverage` and `--html-dir` of many domains, and what one client may see of another: nothing.

mod command;
mod isolation;
mod page;
mod whole;

use backstop::{
    core::{
        attack::{AttackCount, AttackKind, Fate, Octets, Sample, hour},
        proof::{ProofKind, coverage::CoverageCount},
        siege::SiegeEvent,
    },
    store::Store,
};

use crate::{
    attack::{Site, bounce, sample},
    bounce::now,
    store::{attack::count, would::would},
};

/// A host that sends bounces to all of them.
const SHARED: &str = "198.51.100.7";

/// A client, and what nobody but it may see.
#[derive(Clone)]
struct Tenant {
    domain: String,
    /// A word that is in each name of its own.
    mark: String,
    /// How many bounces the shared host sent it.
    shared: u64,
    /// A host that sent bounces to it alone.
    host: String,
    /// For how many minutes it was besieged.
    minutes: u64,
}

impl Tenant {
    fn all() -> Vec<Self> {
        let words = ["amber", "birch", "cedar", "delta", "ember", "flint"];
        let all = words.iter().enumerate().map(|(number, word)| Self {
            domain: format!("{word}quay.example"),
            mark: format!("{word}quay"),
            shared: 1_301 + 217 * number as u64,
            host: format!("203.0.113.{}", 201 + number),
            minutes: 67 + 60 * number as u64 + number as u64,
        });
        all.collect()
    }

    fn address(&self) -> String {
        format!("{}-info@{}", self.mark, self.domain)
    }

    /// The forms in which its secrets may be written.
    fn secrets(&self) -> Vec<String> {
        let grouped = |number: u64| format!("{},{:03}", number / 1_000, number % 1_000);
        let numbers = [self.shared, self.shared + 1];
        let plain = numbers.map(|number| number.to_string());
        let lasted = format!("{}h {}m", self.minutes / 60, self.minutes % 60);
        [self.mark.clone(), self.host.clone(), lasted]
            .into_iter()
            .chain(plain)
            .chain(numbers.map(grouped))
            .collect()
    }

    /// Puts its marks into everything that the store keeps.
    fn put(&self, store: &dyn Store) {
        let (this_hour, day) = (hour(now()), now() / 86_400);
        let of = |kind, fate, text: &str| AttackCount {
            domain: self.domain.clone(),
            ..count(kind, fate, text)
        };
        let by = format!("reject header_rule by {}", self.mark);
        for _ in 0..self.shared {
            let refused = bounce(Fate::Refused, &by, "unproven", SHARED, &self.address());
            store.count_attack(this_hour, refused);
        }
        let mut own = bounce(
            Fate::Accepted,
            "tag unproven",
            "unproven",
            &self.host,
            &self.address(),
        );
        let helo = format!("203.0.113.9 {}.bot.example", self.mark);
        own.push(of(AttackKind::OriginHelo, Fate::Accepted, &helo));
        let reported = "203.0.113.9 reported 198.18.1.0/24";
        own.push(of(AttackKind::Origin, Fate::Accepted, reported));
        store.count_attack(this_hour, own);
        for network in 0..40 {
            let account = format!("{}-boss@{} 198.18.{network}.0/24", self.mark, self.domain);
            store.count_attack(
                this_hour,
                vec![of(AttackKind::Account, Fate::Proven, &account)],
            );
        }
        for count in CoverageCount::of_outgoing(&self.domain, &[ProofKind::Ledger], &[]) {
            store.count(day, count);
        }
        for count in [
            CoverageCount::WouldRefuse {
                recipient: format!("{}-shop@{}", self.mark, self.domain),
            },
            CoverageCount::Signed {
                domain: self.domain.clone(),
                selector: self.mark.clone(),
            },
            CoverageCount::Post {
                domain: self.domain.clone(),
                list: format!("{}.list.example", self.mark),
            },
        ] {
            store.count(day, count);
        }
        let sender = format!("{}-sender.example", self.mark);
        let mut forged = would("spf_fail", &sender, &self.host, now());
        forged.example.recipient = self.address();
        store.count_would(day, vec![forged], Some(sender.clone()));
        let octets = |text: String| Octets(text.into_bytes());
        store.keep_sample(Sample {
            client: self.host.parse().unwrap(),
            name: Some(format!("{}.mx.example", self.mark)),
            helo: octets(format!("{}.helo.example", self.mark)),
            mail_from: octets(format!("joe@{sender}")),
            recipients: vec![octets(self.address())],
            headers: octets(format!("Subject: {}\r\n", self.mark)),
            ..sample(now() - 60)
        });
        for (ago, begins) in [(self.minutes + 10, true), (10, false)] {
            store.note_siege(SiegeEvent {
                at: now() - 60 * ago,
                domain: self.domain.parse().ok(),
                begins,
            });
        }
    }
}

/// A host with all of them, one more that is quiet, and names below one.
fn hosting(more: &str) -> (Site, Vec<Tenant>) {
    let tenants = Tenant::all();
    let domains: Vec<&str> = tenants.iter().map(|tenant| &*tenant.domain).collect();
    let site = Site::new_with(
        &format!("{}, quiet.example, .below.example", domains.join(", ")),
        more,
    );
    site.store(|store| tenants.iter().for_each(|tenant| tenant.put(store)));
    (site, tenants)
}
