//! The DNS of the bench: whom the messages come from.

use std::net::Ipv4Addr;

use load::dns::{Data, Known};

/// The client of all messages of strangers; SPF of their senders passes for it.
pub const CLIENT: &str = "192.0.2.1";
/// Its name, and what it says in HELO.
pub const HELO: &str = "mx.example.com";
/// Our own domain.
pub const OURS: &str = "example.org";
/// The selector of the key that our mail is signed with.
pub const SELECTOR: &str = "s2026";

/// How long answers may be remembered, in seconds: longer than the bench runs.
const TTL: u32 = 86_400;

/// What DNS knows of a name. `key` is the DKIM record of our domain.
///
/// Every name below `cold.example` has an SPF record of its own, and every name below `deep.example` one with three
/// includes, `a` and `mx`; below `silent.example` nothing is answered.
pub fn zone(name: &str, key: &str) -> Known {
    let records = |records: Vec<Data>| Known::Records(TTL, records);
    let txt = |text: &str| Data::Txt(text.to_owned());
    let client = Data::A(Ipv4Addr::new(192, 0, 2, 1));
    let elsewhere = Data::A(Ipv4Addr::new(198, 51, 100, 4));
    match name {
        HELO => return records(vec![client, txt("v=spf1 ip4:192.0.2.1 -all")]),
        "example.com" => {
            return records(vec![
                elsewhere,
                txt("v=spf1 ip4:192.0.2.0/24 -all"),
                Data::Mx(10, HELO.to_owned()),
            ]);
        }
        OURS => {
            return records(vec![
                Data::A(Ipv4Addr::new(192, 0, 2, 250)),
                txt("v=spf1 ip4:192.0.2.250 -all"),
                Data::Mx(10, "mx.example.org".to_owned()),
            ]);
        }
        "mx.example.org" => return records(vec![Data::A(Ipv4Addr::new(192, 0, 2, 250))]),
        "1.2.0.192.in-addr.arpa" => return records(vec![Data::Ptr(HELO.to_owned())]),
        _ => {}
    }
    if name.strip_suffix("._domainkey.example.org") == Some(SELECTOR) {
        return records(vec![txt(key)]);
    }
    if name.ends_with(".silent.example") {
        return Known::Silence;
    }
    if name.ends_with(".cold.example") && !name.starts_with('_') {
        return records(vec![txt("v=spf1 ip4:192.0.2.0/24 -all")]);
    }
    match name
        .strip_suffix(".deep.example")
        .map(|rest| rest.split_once('.'))
    {
        Some(None) => records(vec![
            elsewhere,
            Data::Txt(format!(
                "v=spf1 include:a.{name} include:b.{name} include:c.{name} a mx -all"
            )),
            Data::Mx(10, format!("mail.{name}")),
        ]),
        Some(Some(("mail", _))) => records(vec![client]),
        Some(Some(("a" | "b" | "c", _))) => records(vec![txt(
            "v=spf1 ip4:203.0.113.0/25 ip4:198.51.100.128/25 -all",
        )]),
        _ => Known::Nothing,
    }
}
