use std::{fs, path::Path};

use futures_util::FutureExt;

use super::*;

const DELIMITERS: &str = "+";

fn directory(sources: Vec<Source>) -> Directory {
    Directory::new(vec![DomainSources {
        domain: "example.org".parse().unwrap(),
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
    let known = directory.known(0, &mailbox, DELIMITERS);
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
        domain: domain.parse().unwrap(),
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
        let known = directory.known(entry, &mailbox, DELIMITERS);
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
        domain: "example.org".parse().unwrap(),
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
                    domain: "example.org".parse().unwrap(),
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
