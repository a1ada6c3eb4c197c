//! What a tenant can write, and what it can reach by that.

use proptest::{collection::vec, prelude::*, sample::select};

use super::*;

/// What such values are made of, and what they must not have.
const PARTS: [&str; 40] = [
    "reject",
    "accept",
    "tempfail",
    "tag",
    "discard",
    "quarantine",
    "enforce",
    "monitor",
    "true",
    "mail",
    "bounces",
    "action",
    "addresses",
    "match",
    "domain",
    "'n.*'",
    "joe",
    "joe@a.example",
    "joe@b.example",
    "joe@x.a.example",
    "@",
    "@a.example",
    "@b.example",
    "'@.a.example'",
    "a.example",
    ".a.example",
    "{",
    "}",
    "[",
    "]",
    ": ",
    ":\n",
    ", ",
    " ",
    "\n",
    "- ",
    "'",
    "\"",
    "&x ",
    "*x",
];

fn is_harmless(action: Action) -> bool {
    !matches!(action, Action::Discard | Action::Quarantine)
}

fn is_own(address: &AddressPattern, domain: &Domain) -> bool {
    match address {
        AddressPattern::Local(_) | AddressPattern::Match(_, None) => true,
        AddressPattern::Mailbox(_, of) => of == domain,
        AddressPattern::Domain(of) | AddressPattern::Match(_, Some(of)) => {
            *of == DomainPattern::Itself(domain.clone())
        }
    }
}

fn is_the_tenants(answers: &TenantAnswers, domain: &Domain) -> bool {
    let never = answers.never_send.as_deref();
    let classes = [answers.catch_all, answers.unknown, answers.siege_catch_all];
    let classes = classes.into_iter().flatten();
    let rules = [
        answers.unproven,
        answers.unproven_replies,
        answers.siege_unproven,
    ];
    let rules = rules
        .into_iter()
        .flatten()
        .chain(never.map(|never| never.rule));
    let mut rules = rules.chain(classes.flat_map(|class| [class.mail, class.bounces]));
    let exempt = answers.exempt_recipients.as_deref();
    let lists = [never.map(|never| &never.addresses), exempt];
    let mut addresses = lists.into_iter().flatten().flat_map(|list| list.iter());
    rules.all(|rule| is_harmless(rule.action)) && addresses.all(|address| is_own(address, domain))
}

/// A parser that says its mistake again and again must not be asked for more.
#[test]
fn a_mistake_before_an_ampersand_is_the_end() {
    let domain: Domain = "a.example".parse().unwrap();
    for text in [
        "] & x",
        "}&x",
        "{&x",
        "[a, &x",
        "'a' b & c",
        "\"a&",
        "%&",
        "- a\nb: &x",
    ] {
        for key in TenantKey::ALL {
            let cell = Cell::Text(text.to_owned());
            let read = set(&mut TenantAnswers::default(), key, &cell, &domain);
            assert!(read.is_err(), "{key:?}: {text}");
        }
    }
}

proptest! {
    /// A tenant writes what it wants, in one text or in several values.
    #[test]
    fn no_value_reaches_beyond_its_tenant(
        key in select(TenantKey::ALL.to_vec()),
        texts in vec(vec(select(PARTS.to_vec()), 0..9), 1..4),
        tail in ".{0,4}",
        is_array: bool,
    ) {
        let domain: Domain = "a.example".parse().unwrap();
        let mut texts: Vec<String> = texts.iter().map(|parts| parts.concat()).collect();
        texts.push(tail);
        let cell = match is_array {
            true => Cell::Values(texts),
            false => Cell::Text(texts.concat()),
        };
        let mut answers = TenantAnswers::default();
        if set(&mut answers, key, &cell, &domain).is_ok() {
            prop_assert!(is_the_tenants(&answers, &domain), "{cell:?}: {answers:?}");
        } else {
            prop_assert_eq!(answers, TenantAnswers::default());
        }
    }
}
