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
