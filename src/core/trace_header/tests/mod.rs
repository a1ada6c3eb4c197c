mod forgeries;
mod grammar;
mod hostile;
mod mail_auth;
mod tables;

use super::SpfTrace;
use crate::core::{
    address::ReversePath,
    envelope::{Client, Envelope},
    policy::{SpfAnswers, Vouched},
    spf::{Identity, SpfCheck, SpfResult},
};

const RECEIVER: &str = "mx.example.org";

fn check(identity: Identity, domain: &str, result: SpfResult) -> SpfCheck {
    SpfCheck {
        identity,
        domain: domain.to_owned(),
        result,
        explanation: None,
        mechanism: None,
        problem: None,
        lookups: 0,
        void_lookups: 0,
        trace: Vec::new(),
    }
}

fn envelope(address: &str, helo: &[u8], mail_from: &[u8]) -> Envelope {
    Envelope {
        client: Client {
            address: address.parse().ok(),
            helo: Some(helo.to_vec()),
            ..Client::default()
        },
        reverse_path: ReversePath::from_bytes(mail_from),
    }
}

fn answers(mail_from: SpfCheck, helo: SpfCheck) -> SpfAnswers {
    SpfAnswers {
        helo: Some(helo.into()),
        mail_from: Some(mail_from.into()),
        forwarder: Vouched::No,
    }
}

/// The longest line, in octets, of a header with this value.
fn longest_line(name: &str, value: &str) -> usize {
    let whole = format!("{name}: {value}");
    whole.lines().map(str::len).max().unwrap_or_default()
}

/// Both headers' values: Received-SPF from the top down, and Authentication-Results.
fn written(envelope: &Envelope, spf: &SpfAnswers) -> (Vec<String>, String) {
    let trace = SpfTrace {
        envelope,
        spf,
        receiver: RECEIVER,
        authserv_id: RECEIVER,
        dmarc: None,
    };
    (trace.received_spf(), trace.authentication_results())
}
