//! The YAML form.

use super::*;

#[test]
fn mistakes_in_a_zone_say_where_and_what_would_be_right() {
    for (yaml, told) in [
        (
            "a.example: [A: 1.2.3]",
            "a.example: A: `1.2.3` is no address of this type; expected e.g. 192.0.2.1",
        ),
        (
            "a.example: [MX: mail]",
            "a.example: MX: expected e.g. [10, mail.example.com]",
        ),
        (
            "a.example: [SERVFAI]",
            "a.example: `SERVFAI` is nothing that a name can hold",
        ),
        (
            "a.example: [SERVFAIL: TEXT]",
            "a.example: SERVFAIL: `TEXT` is no record type",
        ),
        (
            "a.example: [TTL: soon]",
            "a.example: TTL: expected whole seconds",
        ),
        (
            "a.example: [DELAY: soon]",
            "a.example: DELAY: `soon` is no duration",
        ),
        ("a.example: [TXT: 5]", "quotes may be missing"),
        (
            "a.example: [TXT_HEX: abc]",
            "a.example: TXT_HEX: `abc` is no row of hexadecimal octets",
        ),
        (
            "a.example: [SOA: one two]",
            "a.example: SOA: `one two` is no SOA",
        ),
        ("a.example: {A: 192.0.2.1}", "a.example: holds no list"),
        ("a..example: []", "`a..example` can't be a DNS name"),
        ("a.example: []\na.example: []", "duplicate entry"),
        ("a.example: [", "line 2"),
    ] {
        let error = Zone::from_yaml(yaml).unwrap_err().to_string();
        assert!(error.contains(told), "{yaml:?}: {error}");
    }
}

#[test]
fn the_shown_zone_is_one() {
    let shown: String = include_str!("../yaml.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("//! "))
        .skip_while(|line| *line != "```yaml")
        .skip(1)
        .take_while(|line| *line != "```")
        .map(|line| format!("{line}\n"))
        .collect();
    let zone = Zone::from_yaml(&shown).unwrap();
    let answer = super::super::answer::answer(
        &zone,
        &Name::from_ascii("any.example.net.").unwrap(),
        RecordType::A,
    );
    assert_eq!(
        answer.answers[0].data,
        RData::A(Ipv4Addr::new(192, 0, 2, 1).into())
    );
}
