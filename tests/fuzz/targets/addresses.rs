//! Addresses, as they come in SMTP, and the tags of BATV.

use std::sync::LazyLock;

use backstop::core::{
    address::{Domain, Host, Mailbox, ReversePath},
    proof::{
        Key, Keys,
        batv::{self, Layout, Proof, Tagged, Unsigned},
    },
    srs,
};

use super::input::Input;

static KEYS: LazyLock<Keys> =
    LazyLock::new(|| Keys::parse("3 2020-01-01 c2VjcmV0LW9mLXRoZS1mdXp6ZXI\n").unwrap());
const DELIMITERS: [&str; 4] = ["+", "-", "+-", "_="];

pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let layout = input.one_of(&[Layout::Prvs, Layout::SubAddress]);
    let delimiters = input.one_of(&DELIMITERS);
    let (today, lifetime) = (input.number() % 100_000, input.number() % 300);
    let text = input.rest();
    is_printed_and_parsed(text);
    let mailbox = Mailbox::from_bytes(text);
    is_signed_and_read(&mailbox, delimiters, layout, today, lifetime);
    if srs::is_well_formed(&mailbox) {
        assert!(srs::is_begun(&mailbox.local_unquoted()));
        assert_eq!(batv::read(&mailbox, delimiters), None);
    }
}

fn is_printed_and_parsed(text: &[u8]) {
    let mailbox = Mailbox::from_bytes(text);
    let printed = mailbox.to_bytes();
    // An address that begins with a source route's `@` and has no colon is kept as it came.
    if !printed.starts_with(b"@") {
        assert_eq!(Mailbox::from_bytes(&printed), mailbox);
    }
    assert!(mailbox.is_same(&mailbox));
    let key = mailbox.local_key();
    let unquoted = mailbox.with_local(&mailbox.local_unquoted());
    if !unquoted.local().starts_with(b"\"") {
        assert_eq!(unquoted.local_key(), key);
    }
    if let Host::Domain(domain) = mailbox.host() {
        is_domain(domain);
    }
    let path = ReversePath::from_bytes(text);
    let bracketed = [b"<", path.to_bytes().as_slice(), b">"].concat();
    let trimmed = path.to_bytes().trim_ascii().len() == path.to_bytes().len();
    if trimmed && !path.to_bytes().starts_with(b"@") {
        assert_eq!(ReversePath::from_bytes(&bracketed), path);
    }
}

fn is_domain(domain: &Domain) {
    assert_eq!(domain.as_str().parse().as_ref(), Ok(domain));
    assert!(domain.as_str().is_ascii() && domain.as_str().len() <= 253);
    for above in domain.above() {
        assert!(domain.is_at_or_below(&above) && above.is_in_line_with(domain));
        assert!(!above.is_at_or_below(domain));
    }
}

fn is_signed_and_read(
    sender: &Mailbox,
    delimiters: &str,
    layout: Layout,
    today: u64,
    lifetime: u64,
) {
    let signed = batv::sign(sender, &KEYS, today, lifetime, layout, delimiters);
    let lower = sender.with_local(&sender.local().to_ascii_lowercase());
    let address = match signed {
        Ok(address) => Mailbox::from_bytes(&address),
        Err(why) => return is_not_signed(&lower, why),
    };
    let Some(Tagged::Ours(tag)) = batv::read(&address, delimiters) else {
        panic!("{address:?} is not read back");
    };
    assert_eq!(tag.original, lower);
    assert!(batv::untagged(&address, delimiters).is_same(&lower));
    for later in [0, lifetime] {
        let proof = batv::verify(&tag, &KEYS, today + later, lifetime);
        assert_eq!(
            proof,
            Proof::Valid { key: 3 },
            "{address:?} after {later} days"
        );
    }
    // The day is modulo 1000, so that it counts again after three years: that is known.
    let late = batv::verify(&tag, &KEYS, today + lifetime + 2, lifetime);
    assert_eq!(late, Proof::Expired);
    let stranger = Key::new(3, 0, b"another secret of 16", None);
    assert!(stranger.is_some());
    assert_eq!(
        batv::verify(&tag, &Keys::default(), today, lifetime),
        Proof::Wrong
    );
}

/// It says why, and that is so.
fn is_not_signed(sender: &Mailbox, why: Unsigned) {
    let local = sender.local();
    match why {
        Unsigned::NoDomain => assert!(sender.domain().is_none()),
        Unsigned::NotAscii => assert!(!local.is_ascii()),
        Unsigned::Srs => assert!(srs::is_begun(local)),
        Unsigned::TooLong => assert!(sender.to_bytes().len() > 254 - 16 || local.len() > 64 - 16),
        Unsigned::AlreadyTagged => assert!(local.contains(&b'=')),
        Unsigned::Quoted | Unsigned::Delimiter | Unsigned::Ambiguous => {}
        Unsigned::NoKey | Unsigned::ExceptSender | Unsigned::ExceptRecipient => panic!("{why}"),
    }
}
