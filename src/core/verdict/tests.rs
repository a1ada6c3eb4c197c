use super::*;

#[test]
fn monitoring_never_refuses() {
    for action in [
        Action::Tempfail,
        Action::Reject,
        Action::Discard,
        Action::Quarantine,
    ] {
        for (rule, mode) in [
            (
                Rule {
                    action,
                    monitor: true,
                },
                Mode::Enforce,
            ),
            (Rule::new(action), Mode::Monitor),
            (
                Rule {
                    action,
                    monitor: true,
                },
                Mode::Monitor,
            ),
        ] {
            let verdict = Verdict::of(rule, mode, Reason::NeverSends);
            assert_eq!((verdict.action, verdict.would), (Action::Tag, Some(action)));
        }
        let verdict = Verdict::of(Rule::new(action), Mode::Enforce, Reason::NeverSends);
        assert_eq!((verdict.action, verdict.would), (action, None));
    }
}

/// From the mildest: a rule that is only monitored is between those that let in and those that act.
#[test]
fn the_stricter_of_two_rules_holds() {
    let monitored = |action| Rule {
        action,
        monitor: true,
    };
    let rules = [
        Rule::new(Action::Accept),
        Rule::new(Action::Tag),
        monitored(Action::Reject),
        Rule::new(Action::Quarantine),
        Rule::new(Action::Discard),
        Rule::new(Action::Tempfail),
        Rule::new(Action::Reject),
    ];
    for (at, milder) in rules.iter().enumerate() {
        for stricter in &rules[at..] {
            assert_eq!(milder.stricter(*stricter), *stricter);
            assert_eq!(stricter.stricter(*milder), *stricter);
        }
    }
    // Of those that are equally strict, the first stays.
    for (one, other) in [
        (monitored(Action::Reject), monitored(Action::Tempfail)),
        (monitored(Action::Tag), Rule::new(Action::Tag)),
        (Rule::new(Action::Accept), monitored(Action::Accept)),
    ] {
        assert_eq!(one.stricter(other), one);
        assert_eq!(other.stricter(one), other);
    }
}

#[test]
fn an_action_says_what_it_does() {
    // What the sender is answered, whether it decides, keeps the mail out, and loses it.
    for (action, class, acts, keeps_out, is_final) in [
        (Action::Accept, None, false, false, false),
        (Action::Tag, None, false, false, false),
        (Action::Quarantine, None, true, false, false),
        (Action::Discard, None, true, true, true),
        (Action::Tempfail, Some(4), true, true, false),
        (Action::Reject, Some(5), true, true, true),
    ] {
        assert_eq!(action.reply_class(), class, "{action}");
        assert_eq!(action.is_accepted(), class.is_none(), "{action}");
        assert_eq!(action.acts(), acts, "{action}");
        assert_eq!(action.keeps_out(), keeps_out, "{action}");
        assert_eq!(action.is_final(), is_final, "{action}");
    }
}

#[test]
fn words_are_those_of_the_file() {
    for action in Action::ALL {
        let read: Action = serde_yaml::from_str(action.as_str()).unwrap();
        assert_eq!(read, action);
    }
    for mode in [Mode::Monitor, Mode::Enforce] {
        let read: Mode = serde_yaml::from_str(mode.as_str()).unwrap();
        assert_eq!(read, mode);
    }
}

/// Mail is neither lost nor let in where we fail.
#[test]
fn a_failure_of_ours_is_told_for_now() {
    for (verdict, reason) in [
        (Verdict::internal(), Reason::Internal),
        (Verdict::stopping(), Reason::Stopping),
    ] {
        assert!(verdict.is_unanswered() && !verdict.is_accepted());
        assert_eq!((verdict.action, verdict.reason), (Action::Tempfail, reason));
    }
}

/// What the content says holds only where it is stronger than what was said at RCPT.
#[test]
fn of_two_verdicts_of_like_strength_the_first_stays() {
    let verdict = |action, reason| Verdict::of(Rule::new(action), Mode::Enforce, reason);
    for (first, second, reason) in [
        (Action::Reject, Action::Reject, Reason::NeverSends),
        (Action::Tag, Action::Tag, Reason::NeverSends),
        (Action::Tag, Action::Reject, Reason::NothingFound),
        (Action::Reject, Action::Tag, Reason::NeverSends),
    ] {
        let before = verdict(first, Reason::NeverSends);
        let both = before.or_stronger(verdict(second, Reason::NothingFound));
        assert_eq!(both.reason, reason, "{first:?} {second:?}");
    }
}
