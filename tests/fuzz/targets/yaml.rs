//! `milter.yaml`: it is a configuration, or each mistake has a text and a place.

use std::path::Path;

use backstop::config::{Diagnostics, Severity, parse};

pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let path = Path::new("m.yaml");
    match parse(path, text) {
        Ok(config) => {
            assert!(
                config
                    .warnings
                    .iter()
                    .all(|warning| warning.severity == Severity::Warning)
            );
            is_placed(&Diagnostics(config.warnings), text);
        }
        Err(mistakes) => {
            assert!(
                mistakes
                    .0
                    .iter()
                    .any(|mistake| mistake.severity == Severity::Error)
            );
            let again = parse(path, text).err();
            assert_eq!(again.map(|again| again.0).as_ref(), Some(&mistakes.0));
            is_placed(&mistakes, text);
        }
    }
}

fn is_placed(found: &Diagnostics, text: &str) {
    // Every line end that YAML knows.
    let lines = 1 + text
        .chars()
        .filter(|letter| "\r\n\u{85}\u{2028}\u{2029}".contains(*letter))
        .count();
    for one in &found.0 {
        let shown = one.to_string();
        assert!(!one.message.is_empty() && !one.help.is_empty(), "{shown}");
        assert!(
            !shown
                .chars()
                .any(|letter| letter.is_control() && letter != '\n'),
            "{shown:?}"
        );
        if let Some(place) = one.place {
            assert!(
                (1..=lines).contains(&place.line) && place.column > 0 && place.width > 0,
                "{shown}"
            );
        }
    }
}
