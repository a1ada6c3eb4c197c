use std::{fs, path::Path};

use futures_util::FutureExt;

use super::*;

fn directory(sources: Vec<Source>) -> Directory {
    Directory::new(vec![DomainSources {
        scope: "example.org".parse().unwrap(),
        sources,
        answers_rest: true,
    }])
}

fn of_file(path: &Path) -> Directory {
    directory(vec![Source::File(path.to_owned())])
}

fn known(directory: &Directory, local: &str) -> Known {
    let mailbox = Mailbox::from_bytes(format!("{local}@example.org").as_bytes());
    // Lists are there already, or they aren't: nothing is waited for.
    let local = Local::default();
    let known = directory.known(0, &mailbox, &local);
    known.now_or_never().expect("a list in a file")
}

fn is_listed(directory: &Directory, local: &str) -> bool {
    matches!(known(directory, local), Known::Listed(_))
}

#[test]
fn lists_are_asked_in_turn_with_and_without_extension() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("list");
    fs::write(&file, "sales\njoe+shop@example.org\nann@example.net\n").unwrap();
    let inline = ["info", "\"a b\"@example.org"]
        .map(|text| text.parse().unwrap())
        .to_vec();
    let directory = directory(vec![Source::Addresses(inline), Source::File(file.clone())]);
    directory.refresh();
    for (local, listed) in [
        ("INFO", true),
        ("info+x", true),
        ("\"a b\"", true),
        ("sales+x+y", true),
        ("joe+shop", true),
        ("joe", false),
        ("ann", false),
        ("\"joe+shop@example.org\"", false),
    ] {
        assert_eq!(is_listed(&directory, local), listed, "{local}");
    }
    assert_eq!(
        known(&directory, "sales"),
        Known::Listed(file.display().to_string())
    );
    assert_eq!(known(&directory, "nobody"), Known::NotListed);
}

#[test]
fn a_list_never_read_leaves_the_question_open() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("list");
    let lists = vec![
        Source::File(file.clone()),
        Source::Addresses(vec!["info".parse().unwrap()]),
    ];
    let directory = directory(lists);
    assert!(matches!(known(&directory, "joe"), Known::Unanswered(_)));
    let events = directory.refresh();
    assert!(
        matches!(&events[..], [Event::Failed { kept: None, .. }]),
        "{events:?}"
    );
    assert_eq!(directory.refresh(), [], "told once");
    assert!(matches!(known(&directory, "joe"), Known::Unanswered(why) if why.why.contains("list")));
    assert!(is_listed(&directory, "info"));
    fs::write(&file, "joe\n").unwrap();
    assert!(matches!(
        &directory.refresh()[..],
        [Event::Loaded { addresses: 1, .. }]
    ));
    assert!(is_listed(&directory, "joe"));
    assert_eq!(known(&directory, "ann"), Known::NotListed);
}

#[test]
fn a_change_is_taken_when_it_has_settled() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("list");
    fs::write(&file, "joe\n").unwrap();
    let directory = of_file(&file);
    directory.refresh();
    fs::write(&file, "joe\nann\n").unwrap();
    assert_eq!(directory.refresh(), [], "it may still be written to");
    assert!(!is_listed(&directory, "ann"));
    fs::write(&file, "joe\nann\neve\n").unwrap();
    assert_eq!(directory.refresh(), [], "and it was");
    assert!(matches!(
        &directory.refresh()[..],
        [Event::Loaded { addresses: 3, .. }]
    ));
    assert!(is_listed(&directory, "eve"));
    assert_eq!(directory.refresh(), []);
}

#[test]
fn the_last_good_copy_stays() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("list");
    fs::write(&file, "joe\n").unwrap();
    let directory = of_file(&file);
    directory.refresh();

    fs::write(&file, "").unwrap();
    directory.refresh();
    let events = directory.refresh();
    assert!(
        matches!(&events[..], [Event::Failed { kept: Some(1), why, .. }] if why.contains("no address")),
        "{events:?}"
    );
    assert_eq!(directory.refresh(), []);
    assert!(is_listed(&directory, "joe"));

    fs::remove_file(&file).unwrap();
    assert!(matches!(
        &directory.refresh()[..],
        [Event::Failed { kept: Some(1), .. }]
    ));
    assert!(is_listed(&directory, "joe"));

    fs::create_dir(&file).unwrap();
    let events = directory.refresh();
    assert!(
        matches!(&events[..], [event] if event.to_string().contains("regular file")),
        "{events:?}"
    );

    fs::remove_dir(&file).unwrap();
    fs::write(&file, "ann\na b\n").unwrap();
    directory.refresh();
    let events = directory.refresh();
    assert!(
        matches!(&events[..], [event @ Event::Loaded { skipped_count: 1, .. }] if event.weight() == Weight::Warning),
        "{events:?}"
    );
    assert!(is_listed(&directory, "ann") && !is_listed(&directory, "joe"));
}

#[test]
fn a_file_that_comes_back_unchanged_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let (file, aside) = (folder.path().join("d/list"), folder.path().join("aside"));
    fs::create_dir(folder.path().join("d")).unwrap();
    fs::write(&file, "joe\n").unwrap();
    let directory = of_file(&file);
    directory.refresh();
    fs::rename(folder.path().join("d"), &aside).unwrap();
    assert_eq!(directory.refresh()[0].weight(), Weight::Problem);
    fs::rename(&aside, folder.path().join("d")).unwrap();
    assert!(matches!(
        &directory.refresh()[..],
        [Event::Loaded { addresses: 1, .. }]
    ));
}

#[test]
fn one_file_serves_several_domains() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("virtual");
    fs::write(&file, "a@example.org x\nb@example.net x\nc x\n").unwrap();
    let entry = |domain: &str| DomainSources {
        scope: domain.parse().unwrap(),
        sources: vec![Source::PostfixMap(file.clone())],
        answers_rest: true,
    };
    let directory = Directory::new(vec![entry("example.org"), entry("example.net")]);
    assert_eq!(directory.refresh().len(), 1);
    for (entry, address, listed) in [
        (0, "a@example.org", true),
        (0, "b@example.org", false),
        (1, "b@example.net", true),
        (1, "a@example.net", false),
        (0, "c@example.org", true),
        (1, "c@example.net", true),
        (2, "a@example.org", false),
    ] {
        let mailbox = Mailbox::from_bytes(address.as_bytes());
        let local = Local::default();
        let known = directory.known(entry, &mailbox, &local);
        let known = known.now_or_never().unwrap();
        assert_eq!(matches!(known, Known::Listed(_)), listed, "{address}");
    }
}

#[test]
fn a_reload_keeps_the_copy_that_was_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("list");
    fs::write(&file, "joe\n").unwrap();
    let before = of_file(&file);
    before.refresh();
    fs::write(&file, "").unwrap();
    let entries = vec![DomainSources {
        scope: "example.org".parse().unwrap(),
        sources: vec![Source::File(file.clone()), Source::PostfixMap(file)],
        answers_rest: true,
    }];
    let after = before.succeeded_by(entries);
    after.refresh();
    assert!(is_listed(&after, "joe"));
    assert!(matches!(known(&after, "ann"), Known::Unanswered(_)));
}

/// virtual(5): `@domain` takes the mail of all its addresses that have no line of their own.
#[test]
fn a_catch_all_of_postfix_is_no_problem_where_the_entry_answers_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("virtual");
    for (lines, listed) in [
        (
            "joe@example.org x\n@example.org x\n@other.example x\n",
            true,
        ),
        ("@example.org x\n", false),
    ] {
        fs::write(&file, lines).unwrap();
        for source in [Source::PostfixMap(file.clone()), Source::File(file.clone())] {
            let lines = if matches!(source, Source::File(_)) {
                lines.replace(" x", "")
            } else {
                lines.to_owned()
            };
            fs::write(&file, lines).unwrap();
            for (answers_rest, weight) in [(true, Weight::News), (false, Weight::Warning)] {
                let directory = Directory::new(vec![DomainSources {
                    scope: "example.org".parse().unwrap(),
                    sources: vec![source.clone()],
                    answers_rest,
                }]);
                let events = directory.refresh();
                let [event] = &events[..] else {
                    panic!("{events:?}");
                };
                assert_eq!(event.weight(), weight, "{event}");
                assert!(event.to_string().contains("@example.org"), "{event}");
                assert_eq!(is_listed(&directory, "joe"), listed);
                assert_eq!(known(&directory, "any"), Known::NotListed);
            }
        }
    }
}

/// What stands in a list with a domain is of that domain; what stands there without one, of each that the entry is for.
#[test]
fn one_entry_has_the_addresses_of_many_domains() {
    let folder = tempfile::tempdir().unwrap();
    let (file, map) = (folder.path().join("list"), folder.path().join("map"));
    fs::write(&file, "joe@example.org\ninfo\n").unwrap();
    fs::write(
        &map,
        "eve@example.net x\n@b.example x\n@example.net x\n@c.example x\n",
    )
    .unwrap();
    let entry = |scope: &str, sources: Vec<Source>, answers_rest| DomainSources {
        scope: scope.parse().unwrap(),
        sources,
        answers_rest,
    };
    let inline = Source::Addresses(vec!["ann@a.b.example".parse().unwrap()]);
    let sources = vec![Source::File(file), Source::PostfixMap(map)];
    let directory = Directory::new(vec![
        entry("*", sources.clone(), false),
        entry(".b.example", [vec![inline], sources.clone()].concat(), true),
        entry("c.example", sources, true),
    ]);
    let local = Local::default();
    let events = directory.refresh();
    for (entry, address, listed) in [
        (0, "joe@example.org", true),
        (0, "joe@example.net", false),
        (0, "info@example.net", true),
        (0, "INFO+x@xn--bcher-kva.example", true),
        (0, "eve@example.net", true),
        (0, "eve@example.org", false),
        (1, "ann@a.b.example", true),
        (1, "ann@x.b.example", false),
        (1, "info@x.b.example", true),
        (1, "joe@example.org", true),
        // Of no domain, and so of no entry's.
        (0, "info", false),
        (0, "info@[192.0.2.1]", false),
    ] {
        let mailbox = Mailbox::from_bytes(address.as_bytes());
        let known = directory.known(entry, &mailbox, &local).now_or_never();
        let found = matches!(known.unwrap(), Known::Listed(_));
        assert_eq!(found, listed, "{entry} {address}");
    }
    // Of the catch-alls of the map, the entries of two answer for the rest; of which the first has none is told.
    let told: Vec<_> = events.iter().map(ToString::to_string).collect();
    let warned: Vec<_> = told
        .iter()
        .filter(|text| text.contains("neither"))
        .collect();
    let [warning] = &warned[..] else {
        panic!("{told:?}");
    };
    for part in ["the entry of * has neither", "mail for all of b.example"] {
        assert!(warning.contains(part), "{warning}");
    }
}

#[test]
fn a_server_is_probed_in_a_domain_of_its_entry() {
    let scopes = |texts: &[&str]| {
        let sources = |text: &&str| DomainSources {
            scope: text.parse().unwrap(),
            sources: Vec::new(),
            answers_rest: true,
        };
        Directory::new(texts.iter().map(sources).collect())
    };
    let ours =
        |texts: &[&str]| -> Domains { texts.iter().map(|text| text.parse().unwrap()).collect() };
    for (entries, number, domains, probed) in [
        (&["example.org"][..], 0, &["example.org"][..], "example.org"),
        (
            &["example.org", "*"],
            1,
            &["example.org", "example.net"],
            "example.net",
        ),
        (
            &["example.org", "*"],
            1,
            &["example.org", ".a.example"],
            "backstop-check.a.example",
        ),
        (
            &["*", ".a.example"],
            1,
            &["x.example", "b.a.example"],
            "b.a.example",
        ),
        (
            &["*", ".a.example"],
            0,
            &["b.a.example", "x.example"],
            "x.example",
        ),
        (
            &[".a.example"],
            0,
            &["x.example"],
            "backstop-check.a.example",
        ),
        (&["*"], 0, &[], "backstop-check.invalid"),
    ] {
        let directory = scopes(entries);
        let scope = &directory.entries[number].scope;
        let found = directory.one_of(number, scope, &ours(domains)).unwrap();
        assert_eq!(found.as_str(), probed, "{entries:?} {domains:?}");
    }
}
