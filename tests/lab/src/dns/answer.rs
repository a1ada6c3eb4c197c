//! What a question is answered with: RFC 1034 section 4.3.2 as a recursive resolver's client sees it.

use std::time::Duration;

use hickory_proto::{
    op::ResponseCode,
    rr::{Name, Record, RecordType},
};

use super::zone::{Fault, Found, Node, Zone};

/// The longest chain of aliases that is followed; resolvers in use stop between 8 and 16.
const LONGEST_CHAIN: usize = 16;

/// The answer, and the manner it is given in.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) code: ResponseCode,
    pub(super) answers: Vec<Record>,
    pub(super) authorities: Vec<Record>,
    pub(super) delay: Duration,
    pub(super) silent: bool,
    pub(super) garbage: bool,
    pub(super) truncated: bool,
    pub(super) no_tcp: bool,
}

/// Answers a question; aliases are followed, and the faults of every name on the way befall it.
pub(super) fn answer(zone: &Zone, name: &Name, kind: RecordType) -> Answer {
    let mut answer = Answer::default();
    let mut owner = name.clone();
    for _ in 0..LONGEST_CHAIN {
        let node = match zone.find(&owner) {
            Found::Node(node) => node,
            Found::Above => return answer.without_records(zone, &owner),
            Found::Nothing => {
                // RFC 6604 section 3: the code is that of the chain's last name.
                answer.code = ResponseCode::NXDomain;
                return answer.without_records(zone, &owner);
            }
        };
        answer.suffer(node.faults(kind));
        if answer.code != ResponseCode::NoError {
            answer.answers.clear();
            return answer;
        }
        if answer.add(&owner, node, kind) {
            return answer;
        }
        let Some(target) = node.alias() else {
            return answer.without_records(zone, &owner);
        };
        answer.add(&owner, node, RecordType::CNAME);
        owner = target.clone();
    }
    // RFC 1034 section 3.6.2: alias loops are signalled as an error.
    answer.answers.clear();
    answer.code = ResponseCode::ServFail;
    answer
}

impl Answer {
    /// Adds the records of one type, under the name that was asked for: a wildcard's records and the questioner's
    /// own spelling (its letters' case may be a nonce) need that. Says whether there were any.
    fn add(&mut self, owner: &Name, node: &Node, kind: RecordType) -> bool {
        let before = self.answers.len();
        let records = node
            .of(kind)
            .map(|data| Record::from_rdata(owner.clone(), node.ttl(), data.clone()));
        self.answers.extend(records);
        self.answers.len() > before
    }

    /// NXDOMAIN or NODATA (RFC 2308): the SOA of the zone goes along.
    fn without_records(mut self, zone: &Zone, name: &Name) -> Self {
        if let Some((owner, soa, ttl)) = zone.authority(name) {
            self.authorities
                .push(Record::from_rdata(owner, ttl, soa.clone()));
        }
        self
    }

    fn suffer(&mut self, faults: impl Iterator<Item = Fault>) {
        for fault in faults {
            match fault {
                Fault::Servfail => self.code = ResponseCode::ServFail,
                Fault::Refused => self.code = ResponseCode::Refused,
                Fault::Formerr => self.code = ResponseCode::FormErr,
                Fault::Silence => self.silent = true,
                Fault::Truncate => self.truncated = true,
                Fault::NoTcp => self.no_tcp = true,
                Fault::Garbage => self.garbage = true,
                Fault::Delay(time) => self.delay += time,
            }
        }
    }
}
