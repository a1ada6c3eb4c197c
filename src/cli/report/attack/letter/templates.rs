//! The sections of the letter, in one text file.

/// The text of all sections.
const LETTER: &str = include_str!("letter.txt");

/// A section with its words filled in; empty where there is none of that name.
pub(super) fn section(name: &str, words: &[(&str, &dyn ToString)]) -> String {
    let mut sections = LETTER.split("\n== ").skip(1);
    let found = sections.find_map(|section| {
        let (of, text) = section.split_once('\n')?;
        (of == name).then_some(text)
    });
    let mut text = found.unwrap_or_default().trim_end().to_owned();
    for (word, value) in words {
        text = text.replace(&format!("{{{word}}}"), &value.to_string());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each section is used, each that is used is there, and each word in it is one that is filled in.
    #[test]
    fn the_code_and_the_text_agree() {
        let code = include_str!("write.rs");
        let sections = LETTER.split("\n== ").skip(1);
        let mut count = 0;
        for part in sections {
            let (name, text) = part.split_once('\n').unwrap();
            assert!(code.contains(&format!("\"{name}\"")), "{name} is not used");
            for word in text.split('{').skip(1) {
                let (word, _) = word.split_once('}').unwrap();
                assert!(
                    code.contains(&format!("(\"{word}\", "))
                        || code.contains(&format!("\"{word}\",\n")),
                    "{name}: {word}"
                );
            }
            assert!(!section(name, &[]).is_empty(), "{name}");
            count += 1;
        }
        let used = code.matches("section(").count();
        assert!(count >= 18 && used >= 15, "{count} {used}");
        assert_eq!(section("nothing", &[]), "");
    }
}
