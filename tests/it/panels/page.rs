//! The page, taken apart: a section for each panel, and in it the file and the statements that a test runs.

use std::path::Path;

use regex::Regex;
use serde_yaml::Value;

use crate::{docs::blocks, package};

/// A section of the page.
pub struct Section {
    name: &'static str,
    text: String,
}

impl Section {
    pub fn of(name: &'static str) -> Self {
        let page = package::text("packaging/doc/hosting.md");
        let from = format!("\n## {name}\n");
        let (_, text) = page
            .split_once(&from)
            .unwrap_or_else(|| panic!("no {name}"));
        let text = text.split("\n## ").next().unwrap();
        let text = format!("\n{text}");
        Self { name, text }
    }

    /// The file that it shows, with the servers at this place.
    pub fn file(&self, place: &Place) -> Value {
        let mut file: Value = serde_yaml::from_str(self.block("yaml")).unwrap();
        let count = moved(&mut file, place);
        assert!(count >= 2, "{}: {count} servers", self.name);
        file
    }

    /// Its blocks in this language.
    pub fn blocks(&self, language: &str) -> Vec<&str> {
        blocks(&self.text, language)
    }

    /// Its only block in this language.
    pub fn block(&self, language: &str) -> &str {
        match self.blocks(language)[..] {
            [block] => block,
            _ => panic!("{}: not one block of {language}", self.name),
        }
    }

    /// The filter that stands in its text.
    pub fn filter(&self) -> String {
        let filter = Regex::new(r"`(\(&[^`]+)`").unwrap();
        filter.captures(&self.text).unwrap()[1].to_owned()
    }

    /// What to write instead of something else, as its text says it: "`this` for `that`".
    pub fn instead(&self) -> Vec<(String, String)> {
        let pairs = Regex::new(r"`([^`]+)` for\s+`([^`]+)`").unwrap();
        let pairs = pairs.captures_iter(&self.text);
        pairs
            .map(|pair| (pair[2].to_owned(), pair[1].to_owned()))
            .collect()
    }

    /// What stands below this comment of its block of SQL.
    pub fn statement(&self, title: &str) -> &str {
        let block = self.block("sql");
        let title = format!("-- {title}\n");
        let (_, statement) = block
            .split_once(&title)
            .unwrap_or_else(|| panic!("{}: no {title}", self.name));
        statement.split("-- ").next().unwrap().trim_end()
    }
}

/// The same text for a login of this name and password.
pub fn for_login(text: &str, name: &str, password: &str) -> String {
    let login = Regex::new(r"\bbackstop\b").unwrap();
    login
        .replace_all(text, name)
        .replace("a long password", password)
}

/// The text with some parts of it replaced; where there are such, conversions are left out.
pub fn replaced(text: &str, instead: &[(String, String)]) -> String {
    if instead.is_empty() {
        return text.to_owned();
    }
    let conversion = Regex::new(r"CONVERT\(([:a-z_]+) USING ascii\)").unwrap();
    let text = conversion.replace_all(text, "$1").into_owned();
    let replace = |text: String, (that, this): &(String, String)| text.replace(that, this);
    instead.iter().fold(text, replace)
}

/// The file of all panels whose database speaks SQL, with these queries.
pub fn sql_file(section: &Section, instead: &[(String, String)], place: &Place) -> Value {
    let mut file = Section::of("The file").file(place);
    let set = |at: &mut Value, title: &str| {
        assert!(at["query"].is_string());
        at["query"] = replaced(section.statement(title), instead).into();
    };
    set(&mut file["local"]["domains"][0]["sql"], "local.domains");
    set(&mut file["recipients"][0]["known"][0]["sql"], "known");
    file
}

/// Where a test has what the page has elsewhere.
pub struct Place<'a> {
    pub url: &'a str,
    pub bind_dn: &'a str,
    pub password_file: Option<&'a Path>,
}

/// Moves each server that is named below there; how many these are.
fn moved(file: &mut Value, place: &Place) -> usize {
    match file {
        Value::Sequence(entries) => entries.iter_mut().map(|entry| moved(entry, place)).sum(),
        Value::Mapping(keys) => {
            if keys.contains_key("url") {
                keys.insert("url".into(), place.url.into());
                if keys.contains_key("bind_dn") {
                    keys.insert("bind_dn".into(), place.bind_dn.into());
                }
                let password = match place.password_file {
                    Some(file) => {
                        keys.insert("password_file".into(), file.to_str().unwrap().into())
                    }
                    // A database in a file has none.
                    None => keys.remove("password_file"),
                };
                assert!(password.is_some(), "a server without a password");
                return 1;
            }
            keys.values_mut().map(|value| moved(value, place)).sum()
        }
        _ => 0,
    }
}
