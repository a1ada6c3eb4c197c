//! What stands in a row: a table of values for each key, good and wrong.

use std::collections::BTreeMap;

use backstop::{
    core::{
        recipients::ClassAnswer,
        tenant::TenantAnswers,
        verdict::{Action, Mode, Rule},
    },
    directory::tenants::{RowMistake, Tenants},
};

use super::{
    mode, of,
    sources::{ALL, Place, Row, Source},
    told,
};

const ENFORCE: (&str, &str) = ("mode", "enforce");

/// What a value makes: a look at the answers where it is good, or how many addresses it names; a part of the reason where it
/// is wrong.
enum Makes {
    Answer(fn(&TenantAnswers) -> bool),
    Addresses(usize),
    Wrong(&'static str),
}
use Makes::{Addresses, Answer, Wrong};

fn rule(rule: Option<Rule>, action: Action, monitor: bool) -> bool {
    rule == Some(Rule { action, monitor })
}

fn class(answer: Option<ClassAnswer>, mail: Action, bounces: Action) -> bool {
    let (mail, bounces) = (Rule::new(mail), Rule::new(bounces));
    answer == Some(ClassAnswer { mail, bounces })
}

/// How many addresses its list has.
fn addresses(row: &TenantAnswers) -> Option<usize> {
    let never = row.never_send.as_ref().map(|never| never.addresses.len());
    never.or(row.exempt_recipients.as_ref().map(|list| list.len()))
}

/// `DOMAIN` is the row's.
fn table() -> Vec<(&'static str, String, Makes)> {
    let long = |count: usize| {
        let names: Vec<_> = (0..count).map(|number| format!("n{number}")).collect();
        format!("[{}]", names.join(", "))
    };
    let patterns = |count: usize, length: usize| {
        let pattern = |number| format!("{{match: '{number}{}'}}", "x".repeat(length));
        let patterns: Vec<_> = (0..count).map(pattern).collect();
        format!("[{}]", patterns.join(", "))
    };
    let mut table: Vec<(&'static str, String, Makes)> = Vec::new();
    let mut add = |key, value: &str, makes| table.push((key, value.to_owned(), makes));
    add(
        "mode",
        "enforce",
        Answer(|row| row.mode == Some(Mode::Enforce)),
    );
    add(
        "mode",
        "monitor",
        Answer(|row| row.mode == Some(Mode::Monitor)),
    );
    add(
        "mode",
        "'enforce'",
        Answer(|row| row.mode == Some(Mode::Enforce)),
    );
    add("mode", "Enforce", Wrong("unknown variant `Enforce`"));
    add("mode", "discard", Wrong("unknown variant `discard`"));
    add("mode", "7", Wrong("unknown variant `7`"));
    add("mode", "[enforce]", Wrong("invalid type: sequence"));
    add("mode", "{action: enforce}", Wrong("invalid type: map"));
    for key in ["catch_all", "unknown", "siege.catch_all"] {
        add(key, "reject", Wrong("invalid type: string"));
        add(key, "[reject]", Wrong("invalid"));
        add(key, "{mial: accept}", Wrong("unknown field `mial`"));
        add(key, "{mail: rejct}", Wrong("unknown variant `rejct`"));
        add(key, "{mail: discard}", Wrong("`discard` throws mail away"));
        add(
            key,
            "{bounces: {action: discard, monitor: true}}",
            Wrong("`discard` throws mail away"),
        );
        add(
            key,
            "{bounces: quarantine}",
            Wrong("`quarantine` holds mail"),
        );
    }
    add(
        "catch_all",
        "{mail: accept, bounces: reject}",
        Answer(|row| class(row.catch_all, Action::Accept, Action::Reject)),
    );
    add(
        "catch_all",
        "{bounces: tag}",
        Answer(|row| class(row.catch_all, Action::Accept, Action::Tag)),
    );
    add(
        "unknown",
        "{mail: reject, bounces: reject}",
        Answer(|row| class(row.unknown, Action::Reject, Action::Reject)),
    );
    // What is left out is as in `siege.catch_all` of the file.
    add(
        "siege.catch_all",
        "{mail: accept}",
        Answer(|row| class(row.siege_catch_all, Action::Accept, Action::Reject)),
    );
    add(
        "unproven",
        "reject",
        Answer(|row| rule(row.unproven, Action::Reject, false)),
    );
    add(
        "unproven",
        "{action: reject, monitor: true}",
        Answer(|row| rule(row.unproven, Action::Reject, true)),
    );
    add(
        "unproven_replies",
        "tempfail",
        Answer(|row| rule(row.unproven_replies, Action::Tempfail, false)),
    );
    add(
        "siege.unproven",
        "accept",
        Answer(|row| rule(row.siege_unproven, Action::Accept, false)),
    );
    for key in ["unproven", "unproven_replies", "siege.unproven"] {
        add(key, "discard", Wrong("`discard` throws mail away"));
        add(key, "quarantine", Wrong("`quarantine` holds mail"));
        add(
            key,
            "{action: discard}",
            Wrong("`discard` throws mail away"),
        );
        add(
            key,
            "{action: reject, monitor: yes please}",
            Wrong("invalid type"),
        );
        add(key, "{monitor: true}", Wrong("missing field `action`"));
        add(key, "rejct", Wrong("unknown variant `rejct`"));
        add(key, "[reject]", Wrong("invalid type: sequence"));
        add(key, "{mail: reject}", Wrong("unknown field `mail`"));
    }
    add(
        "never_send",
        "[noreply, news@DOMAIN, '@DOMAIN', {match: 'a|b'}, {match: 'c.*', domain: DOMAIN}]",
        Answer(|row| {
            let never = row.never_send.as_ref();
            never.is_some_and(|never| {
                never.addresses.len() == 5 && never.rule == Rule::new(Action::Reject)
            })
        }),
    );
    add(
        "never_send",
        "{addresses: [noreply], action: tempfail}",
        Answer(|row| {
            row.never_send
                .as_ref()
                .is_some_and(|never| never.rule == Rule::new(Action::Tempfail))
        }),
    );
    add(
        "never_send",
        "{addresses: [noreply], action: discard}",
        Wrong("`discard` throws mail away"),
    );
    add(
        "never_send",
        "{addresses: [a@other.example]}",
        Wrong("`a@other.example` is not of"),
    );
    add(
        "exempt.recipients",
        "[abuse, joe@DOMAIN]",
        Answer(|row| {
            row.exempt_recipients
                .as_ref()
                .is_some_and(|list| list.len() == 2)
        }),
    );
    // As databases of panels keep lists, and as main.cf has them.
    for (words, count) in [
        ("noreply", 1),
        ("noreply, news@DOMAIN", 2),
        ("noreply,news@DOMAIN,@DOMAIN", 3),
        ("noreply news+x@DOMAIN", 2),
        ("'@DOMAIN, noreply,'", 2),
        ("7", 1),
        ("true", 1),
        ("'7'", 1),
        ("1, 2", 2),
    ] {
        for key in ["never_send", "exempt.recipients"] {
            add(key, words, Addresses(count));
        }
    }
    add(
        "exempt.recipients",
        "{addresses: [abuse]}",
        Wrong("invalid type: map"),
    );
    for key in ["never_send", "exempt.recipients"] {
        add(
            key,
            "[noreply, x@other.example]",
            Wrong("`x@other.example` is not of"),
        );
        add(
            key,
            "['@other.example']",
            Wrong("`@other.example` is not of"),
        );
        add(key, "['@.DOMAIN']", Wrong("is not of"));
        add(key, "[x@sub.DOMAIN]", Wrong("is not of"));
        add(
            key,
            "[{match: 'n.*', domain: other.example}]",
            Wrong("is not of"),
        );
        add(key, "[{match: 'n.*', domain: .DOMAIN}]", Wrong("is not of"));
        add(key, "[DOMAIN]", Wrong("is a domain; use '@"));
        add(key, "['news*@DOMAIN']", Wrong("looks like a pattern"));
        add(key, "[a, [b]]", Wrong("an address"));
        add(key, "noreply, x@other.example", Wrong("is not of"));
        add(key, "noreply, DOMAIN", Wrong("is a domain; use '@"));
        add(key, "'@other.example'", Wrong("is not of"));
        add(key, "noreply; news", Wrong("`noreply;` is not an address"));
        add(key, "a news*@DOMAIN", Wrong("looks like a pattern"));
        add(key, "1.5", Addresses(1));
        add(key, &long(200).replace(['[', ']'], ""), Addresses(200));
        add(
            key,
            &long(201).replace(['[', ']'], ""),
            Wrong("it has 201 addresses; the maximum is 200"),
        );
        add(key, &long(200), Addresses(200));
        add(
            key,
            &long(201),
            Wrong("it has 201 addresses; the maximum is 200"),
        );
        add(key, &patterns(5, 200), Addresses(5));
        add(key, &patterns(6, 1), Wrong("more than 5 patterns"));
        add(key, &patterns(1, 256), Wrong("longer than 256 octets"));
        add(key, "[&a x, *a]", Wrong("anchor"));
    }
    for key in ALL.split(", ") {
        add(
            key,
            "",
            Answer(|row| {
                *row == TenantAnswers {
                    from: row.from.clone(),
                    ..TenantAnswers::default()
                }
            }),
        );
        add(
            key,
            &format!("[{}]", "x".repeat(17 << 10)),
            Wrong("the maximum is 16384"),
        );
        add(key, "'a\u{1b}[31mb'", Wrong("control character"));
    }
    table
}

/// A key, a value for it, what that makes, and the row's domain.
type Case = (&'static str, String, Makes, String);

/// What is wrong with the row of a domain.
fn mistake(source: &Source, tenants: &Tenants, domain: &str) -> Option<RowMistake> {
    if !source.place.is_file() {
        return told(tenants);
    }
    let state = tenants.state().unwrap();
    state
        .mistakes
        .into_iter()
        .find(|mistake| mistake.domain == domain)
}

/// What a server's text means is worked out as in a file: of each key, the first good value and two wrong ones.
fn some_of(cases: Vec<Case>, place: Place) -> Vec<Case> {
    let mut taken: BTreeMap<(&str, bool), usize> = BTreeMap::new();
    let mut some = cases;
    some.retain(|(key, _, makes, _)| {
        let is_good = !matches!(makes, Wrong(_));
        let count = taken.entry((*key, is_good)).or_default();
        *count += 1;
        place.is_file() || *count <= 2 - usize::from(is_good)
    });
    some
}

#[test]
fn each_key_takes_its_own_values_and_no_others() {
    for place in Place::ALL {
        let source = Source::of(place);
        let cases: Vec<_> = table()
            .into_iter()
            .enumerate()
            .map(|(number, (key, value, makes))| {
                let domain = format!("c{number}.example");
                (key, value.replace("DOMAIN", &domain), makes, domain)
            })
            // A file in YAML with such a character is none, and one with an anchor says so for its row.
            .filter(|(_, value, ..)| place != Place::Yaml || !value.contains('\u{1b}'))
            .collect();
        let cases = some_of(cases, place);
        let cells: Vec<_> = cases
            .iter()
            .map(|(key, value, ..)| [(*key, value.as_str())])
            .collect();
        let rows: Vec<Row<'_>> = cases
            .iter()
            .zip(&cells)
            .map(|((.., domain), cells)| (domain.as_str(), cells.as_slice()))
            .collect();
        source.write(&rows);
        // A server tells of one mistake a minute; each case has a client of its own.
        let shared = source.tenants(ALL);
        shared.refresh();
        for (key, value, makes, domain) in &cases {
            let fresh = (!place.is_file()).then(|| source.tenants(ALL));
            let tenants = fresh.as_ref().unwrap_or(&shared);
            let row =
                of(tenants, domain).unwrap_or_else(|why| panic!("{place:?} {key} {value}: {why}"));
            let mistake = mistake(&source, tenants, domain);
            match makes {
                Answer(is_it) => {
                    assert_eq!(mistake, None, "{place:?} {key}: {value}");
                    assert!(is_it(&row), "{place:?} {key}: {value}: {row:?}");
                }
                Addresses(count) => {
                    assert_eq!(mistake, None, "{place:?} {key}: {value}");
                    assert_eq!(addresses(&row), Some(*count), "{place:?} {key}: {value}");
                }
                Wrong(why) => {
                    let monitor = TenantAnswers {
                        from: row.from.clone(),
                        mode: Some(Mode::Monitor),
                        ..TenantAnswers::default()
                    };
                    assert_eq!(*row, monitor, "{place:?} {key}: {value}");
                    let mistake =
                        mistake.unwrap_or_else(|| panic!("{place:?} {key}: {value}: not told"));
                    let is_file_of_anchor = place == Place::Yaml && value.contains('&');
                    assert!(
                        mistake.why.contains(why) || is_file_of_anchor,
                        "{place:?} {key}: {value}: {mistake}"
                    );
                    let column = (!is_file_of_anchor).then(|| place.column(key));
                    assert_eq!(
                        mistake.column, column,
                        "{place:?} {key}: {value}: {mistake}"
                    );
                    let line = mistake.to_string();
                    assert!(
                        line.contains(domain.as_str()) && line.contains("expected "),
                        "{line}"
                    );
                    assert!(
                        line.len() < 700 && !line.contains(char::is_control),
                        "{line:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_key_that_is_not_allowed_and_one_that_is_none_are_mistakes() {
    for place in Place::ALL {
        let source = Source::of(place);
        source.write(&[("a.example", &[ENFORCE, ("unproven", "reject")])]);
        let tenants = match place {
            Place::Yaml | Place::Csv => source.tenants("mode"),
            // What is not named is not asked for.
            _ if place.is_ldap() => continue,
            _ => source.asking("mode", "mode, unproven", "cache: 1ms"),
        };
        let events = tenants.refresh();
        if place == Place::Csv {
            // Its header line is the administrator's.
            let text = events.first().map(ToString::to_string).unwrap_or_default();
            assert!(
                text.contains("line 1: tenants.allow does not name `catch_all`"),
                "{text}"
            );
            assert!(of(&tenants, "a.example").is_err());
            continue;
        }
        assert_eq!(
            mode(&tenants, "a.example"),
            Some(Mode::Monitor),
            "{place:?}"
        );
        let mistake = mistake(&source, &tenants, "a.example").unwrap();
        assert_eq!(mistake.column.as_deref(), Some("unproven"));
        assert!(
            mistake.why.contains("tenants.allow does not name it"),
            "{mistake}"
        );
        if place.is_file() {
            continue;
        }
        for (columns, why, column) in [
            ("mode, mode AS modus", "it is no key", "modus"),
            ("mode, mode AS \"MODE\"", "twice", "MODE"),
        ] {
            let columns = match place {
                Place::Server(lab::directory::Kind::Mariadb) => columns.replace('"', "`"),
                _ => columns.to_owned(),
            };
            let tenants = source.asking("mode", &columns, "cache: 1ms");
            assert_eq!(
                mode(&tenants, "a.example"),
                Some(Mode::Monitor),
                "{place:?}"
            );
            let mistake = told(&tenants).unwrap();
            assert_eq!(mistake.column.as_deref(), Some(column), "{place:?}");
            assert!(mistake.why.contains(why), "{place:?}: {mistake}");
        }
    }
}

/// NULL leaves a key out, in any type; another type than a text is a mistake, an enum is none.
#[test]
fn columns_have_types() {
    use lab::directory::Kind::{Mariadb, Postgresql};
    for place in Place::SQL {
        let source = Source::of(place);
        source.write(&[("a.example", &[ENFORCE])]);
        let (text, octets) = match place {
            Place::Sqlite => ("TEXT", "CAST('enforce' AS BLOB)"),
            Place::Server(Postgresql) => ("varchar", "CAST('enforce' AS bytea)"),
            _ => ("CHAR", "CAST('enforce' AS BINARY)"),
        };
        for (columns, expected) in [
            ("NULL AS mode".to_owned(), Ok(None)),
            (format!("CAST(NULL AS {text}) AS mode"), Ok(None)),
            (
                format!("CAST('enforce' AS {text}) AS mode"),
                Ok(Some(Mode::Enforce)),
            ),
            (format!("{octets} AS mode"), Ok(Some(Mode::Enforce))),
            (
                "mode AS \"MODE\"".replace(
                    '"',
                    if place == Place::Server(Mariadb) {
                        "`"
                    } else {
                        "\""
                    },
                ),
                Ok(Some(Mode::Enforce)),
            ),
            ("1 AS mode".to_owned(), Err("a value of the type")),
            ("1.5 AS mode".to_owned(), Err("a value of the type")),
        ] {
            let tenants = source.asking("mode", &columns, "cache: 1ms");
            let found = mode(&tenants, "a.example");
            let mistake = told(&tenants);
            match expected {
                Ok(mode) => {
                    assert_eq!(found, mode, "{place:?}: {columns}: {mistake:?}");
                    assert_eq!(mistake, None, "{place:?}: {columns}");
                }
                Err(why) => {
                    assert_eq!(found, Some(Mode::Monitor), "{place:?}: {columns}");
                    let mistake = mistake.unwrap();
                    assert!(mistake.why.contains(why), "{place:?}: {mistake}");
                }
            }
        }
    }
    let source = Source::of(Place::Server(Postgresql));
    source.write(&[("a.example", &[ENFORCE])]);
    for kind in ["json", "jsonb"] {
        let json = format!("CAST('{{\"action\": \"reject\"}}' AS {kind}) AS unproven");
        let tenants = source.asking("unproven", &json, "cache: 1ms");
        let row = of(&tenants, "a.example").unwrap();
        let expected = Some(Rule::new(Action::Reject));
        assert_eq!(row.unproven, expected, "{:?}", told(&tenants));
    }
}

/// Whose row it is can be in it, and must be true then: a query may find the row of somebody else.
#[test]
fn a_row_may_name_its_domain() {
    let is_another = "is not that of the domain that was asked for";
    for place in Place::SQL {
        let source = Source::of(place);
        source.write(&[("a.example", &[ENFORCE])]);
        for (columns, expected) in [
            ("domain, mode", Ok(())),
            ("mode, domain", Ok(())),
            ("mode, UPPER(domain) AS DOMAIN", Ok(())),
            ("mode, CONCAT(domain, '.') AS domain", Ok(())),
            ("mode, 'b.example' AS domain", Err(is_another)),
            ("mode, 'x.a.example' AS domain", Err(is_another)),
            ("mode, NULL AS domain", Err(is_another)),
            ("mode, 1 AS domain", Err(is_another)),
            ("mode, domain AS domains", Err("it is no key")),
        ] {
            // SQLite has no function for it.
            let columns = match place {
                Place::Sqlite => columns.replace("CONCAT(domain, '.')", "domain || '.'"),
                _ => columns.to_owned(),
            };
            let tenants = source.asking("mode", &columns, "cache: 1ms");
            let found = mode(&tenants, "a.example");
            match (expected, told(&tenants)) {
                (Ok(()), None) => assert_eq!(found, Some(Mode::Enforce), "{place:?}: {columns}"),
                (Err(why), Some(mistake)) => {
                    assert_eq!(found, Some(Mode::Monitor), "{place:?}: {columns}");
                    assert!(mistake.why.contains(why), "{place:?}: {columns}: {mistake}");
                }
                (_, told) => panic!("{place:?}: {columns}: {told:?}"),
            }
        }
    }
}

/// A list of addresses can be an array of PostgreSQL.
#[test]
fn a_list_can_be_an_array() {
    let source = Source::of(Place::Server(lab::directory::Kind::Postgresql));
    source.write(&[("a.example", &[ENFORCE])]);
    for (array, expected) in [
        ("ARRAY['noreply', 'news@a.example']::text[]", Ok(Some(2))),
        ("ARRAY['noreply', NULL]::varchar[]", Ok(Some(1))),
        ("'{}'::text[]", Ok(None)),
        ("CAST(NULL AS text[])", Ok(None)),
        ("CAST('[\"noreply\", \"a\", \"b\"]' AS jsonb)", Ok(Some(3))),
        ("ARRAY['x@other.example']", Err("is not of a.example")),
        ("ARRAY['@a.example', 'noreply']", Ok(Some(2))),
        ("ARRAY['a', '@']", Err("is not a domain name")),
        ("ARRAY[1, 2]", Err("a value of the type int4[]")),
        ("ARRAY[['a'], ['b']]", Err("a value of the type text[]")),
    ] {
        for key in ["never_send", "exempt.recipients"] {
            let column = format!("{array} AS {}", key.replace('.', "_"));
            let tenants = source.asking(key, &column, "cache: 1ms");
            let row = of(&tenants, "a.example").unwrap();
            match (expected, told(&tenants)) {
                (Ok(count), None) => assert_eq!(addresses(&row), count, "{column}"),
                (Err(why), Some(mistake)) => {
                    assert!(mistake.why.contains(why), "{column}: {mistake}");
                }
                (_, told) => panic!("{column}: {told:?}"),
            }
        }
    }
    // Another key has one value.
    for (array, expected) in [
        ("ARRAY['enforce']", Some(Mode::Enforce)),
        ("ARRAY['enforce', 'monitor']", Some(Mode::Monitor)),
    ] {
        let tenants = source.asking("mode", &format!("{array} AS mode"), "cache: 1ms");
        assert_eq!(mode(&tenants, "a.example"), expected, "{array}");
    }
}

#[test]
fn two_rows_for_a_domain_are_a_mistake() {
    for place in Place::ALL {
        let source = Source::of(place);
        source.write(&[
            ("a.example", &[ENFORCE]),
            ("b.example", &[ENFORCE]),
            ("A.example", &[("mode", "enforce")]),
        ]);
        let tenants = source.tenants(ALL);
        tenants.refresh();
        if place.is_file() || place.is_ldap() {
            assert_eq!(
                mode(&tenants, "a.example"),
                Some(Mode::Monitor),
                "{place:?}"
            );
            let mistake = mistake(&source, &tenants, "A.example")
                .or_else(|| tenants.state()?.mistakes.into_iter().next())
                .unwrap_or_else(|| panic!("{place:?}"));
            assert!(
                mistake.why.contains("another row") || mistake.why.contains("several rows"),
                "{mistake}"
            );
        }
        assert_eq!(
            mode(&tenants, "b.example"),
            Some(Mode::Enforce),
            "{place:?}"
        );
        if !place.is_file() && !place.is_ldap() {
            source.sql("INSERT INTO client (domain, mode) VALUES ('c.example', 'enforce'), ('c.example', 'monitor')");
            let tenants = source.tenants("mode");
            assert_eq!(
                mode(&tenants, "c.example"),
                Some(Mode::Monitor),
                "{place:?}"
            );
            assert!(
                told(&tenants).unwrap().why.contains("several rows"),
                "{place:?}"
            );
        }
    }
}

/// A list of addresses can be an attribute with several values.
#[test]
fn an_attribute_has_several_values() {
    let source = Source::of(Place::Server(lab::directory::Kind::Openldap));
    source.write(&[
        (
            "a.example",
            &[("never_send", "noreply"), ("mode", "enforce")],
        ),
        ("b.example", &[("never_send", "{match: 'n.*'}")]),
        ("c.example", &[("never_send", "x@other.example")]),
        ("d.example", &[("mode", "enforce")]),
        ("e.example", &[("never_send", "noreply, news")]),
        ("f.example", &[("never_send", "@f.example")]),
    ]);
    source.add_values(0, "never_send", &["news@a.example", "{match: 'x.*'}"]);
    source.add_values(3, "mode", &["monitor"]);
    let ask = |domain| {
        let tenants = source.tenants(ALL);
        (of(&tenants, domain).unwrap(), told(&tenants))
    };
    for (domain, count) in [
        ("a.example", 3),
        ("b.example", 1),
        ("e.example", 2),
        ("f.example", 1),
    ] {
        let (row, mistake) = ask(domain);
        assert_eq!(mistake, None);
        assert_eq!(addresses(&row), Some(count), "{domain}");
    }
    for (domain, why) in [
        ("c.example", "is not of"),
        ("d.example", "2 values; expected one"),
    ] {
        let (row, mistake) = ask(domain);
        assert_eq!(row.mode, Some(Mode::Monitor));
        assert!(mistake.unwrap().why.contains(why));
    }
}
