//! The queries of Postfix's SQL tables, in the words of `milter.yaml`; and the same as lists of all that they would find.

/// How a database joins texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `CONCAT(a, b)`; double quotes are text as well.
    Mysql,
    /// `a || b`.
    Standard,
}

/// What Postfix looks up: what `%s` stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// `user@example.org`.
    Address,
    /// `user`, in aliases(5) and the lists of local(8).
    Local,
    /// `example.org`.
    Domain,
}

impl Key {
    /// What stands for `%` and this letter: a placeholder of ours, or `%` itself. `whose`: the query or filter, for the error.
    ///
    /// # Errors
    /// There is no placeholder for it.
    pub(super) fn placeholder(
        self,
        letter: Option<char>,
        whose: &str,
    ) -> Result<&'static str, String> {
        match (letter, self) {
            (Some('%'), _) => Ok("%"),
            (Some('s' | 'S'), Self::Address) => Ok(":address"),
            (Some('s' | 'S' | 'u' | 'U'), Self::Local) | (Some('u' | 'U'), Self::Address) => {
                Ok(":local")
            }
            (Some('s' | 'S' | 'u' | 'U'), Self::Domain) | (Some('d' | 'D'), _) => Ok(":domain"),
            (other, _) => {
                let shown = other.map(String::from).unwrap_or_default();
                Err(format!(
                    "its {whose} has `%{shown}`, which we have no word for"
                ))
            }
        }
    }
}

/// A part of a quoted text.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Placeholder(&'static str),
}

/// The query with `:address`, `:local` and `:domain` in place of `'%s'`, `'%u'` and `'%d'`.
///
/// # Errors
/// Why it can't be asked by us.
pub fn translated(query: &str, key: Key, dialect: Dialect) -> Result<String, String> {
    let query = query.trim().trim_end_matches(';').trim_end();
    if let Some(word) = always_found(query) {
        return Err(format!(
            "its query uses {word}, which finds a row for every address"
        ));
    }
    let mut found = String::new();
    let mut rest = query;
    while let Some(at) = rest.find(|c: char| is_quote(c, dialect) || c == '%') {
        let (before, behind) = rest.split_at(at);
        found.push_str(before);
        if let Some(behind) = behind.strip_prefix('%') {
            let Some(after) = behind.strip_prefix('%') else {
                return Err("a placeholder of its query stands without quotes".to_owned());
            };
            found.push('%');
            rest = after;
            continue;
        }
        let (inner, after, mark) = quoted(behind)?;
        found.push_str(&expression(&parts(inner, key)?, dialect, mark));
        rest = after;
    }
    found.push_str(rest);
    Ok(found)
}

fn is_quote(c: char, dialect: Dialect) -> bool {
    c == '\'' || (c == '"' && dialect == Dialect::Mysql)
}

/// A text in quotes, with which this begins: what is in it, what comes behind it, and the mark.
fn quoted(text: &str) -> Result<(&str, &str, char), String> {
    let open = || "a quotation mark of its query is not closed".to_owned();
    let mark = text.chars().next().ok_or_else(open)?;
    let inner = text.get(1..).unwrap_or_default();
    let mut from = 0;
    while let Some(at) = inner.get(from..).and_then(|rest| rest.find(mark)) {
        let end = from + at;
        let behind = inner.get(end + 1..).unwrap_or_default();
        if !behind.starts_with(mark) {
            return Ok((inner.get(..end).unwrap_or_default(), behind, mark));
        }
        from = end + 2;
    }
    Err(open())
}

fn parts(inner: &str, key: Key) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        let placeholder = key.placeholder(chars.next(), "query")?;
        if placeholder == "%" {
            text.push('%');
            continue;
        }
        if !text.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut text)));
        }
        parts.push(Part::Placeholder(placeholder));
    }
    if !text.is_empty() || parts.is_empty() {
        parts.push(Part::Text(text));
    }
    Ok(parts)
}

fn expression(parts: &[Part], dialect: Dialect, mark: char) -> String {
    let part = |part: &Part| match part {
        Part::Text(text) => format!("{mark}{text}{mark}"),
        Part::Placeholder(placeholder) => (*placeholder).to_owned(),
    };
    let texts: Vec<String> = parts.iter().map(part).collect();
    match (texts.as_slice(), dialect) {
        ([only], _) => only.clone(),
        (_, Dialect::Mysql) => format!("CONCAT({})", texts.join(", ")),
        (_, Dialect::Standard) => format!("({})", texts.join(" || ")),
    }
}

/// A word before FROM with which every question has an answer.
fn always_found(query: &str) -> Option<&'static str> {
    let lower = query.to_ascii_lowercase();
    let output = lower.split(" from ").next().unwrap_or_default();
    let output: String = output.chars().filter(|c| !c.is_whitespace()).collect();
    let words = [
        ("count(", "COUNT"),
        ("exists(", "EXISTS"),
        ("group_concat(", "GROUP_CONCAT"),
        ("string_agg(", "STRING_AGG"),
        ("array_agg(", "ARRAY_AGG"),
        ("max(", "MAX"),
        ("min(", "MIN"),
    ];
    let found = words.into_iter().find(|(word, _)| output.contains(word));
    found
        .filter(|_| !lower.contains("group by") && !lower.contains("having"))
        .map(|(_, shown)| shown)
}

/// Queries that list the keys that this query would find, one for each SELECT that UNION joins; none where it can't be
/// told which column has the key.
pub fn listing(query: &str) -> Option<Vec<String>> {
    let query = query.trim().trim_end_matches(';').trim_end();
    let selects = split_unions(query);
    selects.into_iter().map(list_of).collect()
}

/// Every key, or the address whose domain it is: `SELECT ... FROM a WHERE x = '%s' AND y` becomes `SELECT DISTINCT x FROM a WHERE 1=1 AND y`.
fn list_of(select: &str) -> Option<String> {
    let lower = select.to_ascii_lowercase();
    let from = word_at(&lower, "from")?;
    let place = word_at(&lower, "where")?;
    if !lower.trim_start().starts_with("select") || place < from {
        return None;
    }
    let tables = select.get(from..place)?;
    let condition = select.get(place + "where".len()..)?;
    let found = comparison(condition)?;
    let before = condition.get(..found.start)?;
    let behind = condition.get(found.end..)?;
    if before.contains("%s") || behind.contains("%s") || tables.contains('%') {
        return None;
    }
    let column = found.column;
    // One row is enough for Postfix, but not for a list.
    let lower = behind.to_ascii_lowercase();
    let ends = ["order", "limit", "offset", "fetch", "for"];
    let end = ends.iter().filter_map(|word| word_at(&lower, word)).min();
    let behind = end.and_then(|end| behind.get(..end)).unwrap_or(behind);
    let behind = behind.replace("%%", "%");
    let before = before.replace("%%", "%");
    // In a query within the query the column has no meaning outside.
    let is_inner = before.to_ascii_lowercase().contains("select");
    let has_more = ["%d", "%u"]
        .iter()
        .any(|more| before.contains(more) || behind.contains(more));
    (!is_inner && !has_more)
        .then(|| format!("SELECT DISTINCT {column} {tables}WHERE{before}1=1{behind}"))
}

struct Comparison<'a> {
    column: &'a str,
    start: usize,
    end: usize,
}

/// `column = '%s'`, or `column LIKE '%%@%s'`.
fn comparison(condition: &str) -> Option<Comparison<'_>> {
    let marks = ["'%s'", "\"%s\"", "'%%@%s'", "'%@%s'"];
    let (at, mark) = marks
        .into_iter()
        .find_map(|mark| Some((condition.find(mark)?, mark)))?;
    let before = condition.get(..at)?.trim_end();
    let lower = before.to_ascii_lowercase();
    let operator = ["=", " like"]
        .into_iter()
        .find(|operator| lower.ends_with(operator))?;
    let left = before.get(..before.len() - operator.len())?.trim_end();
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '`' | '"');
    let start = left
        .char_indices()
        .rev()
        .find(|(_, c)| !is_name(*c))
        .map_or(0, |(at, c)| at + c.len_utf8());
    let column = left.get(start..)?;
    (!column.is_empty()).then_some(Comparison {
        column,
        start,
        end: at + mark.len(),
    })
}

/// Where a word begins, outside parentheses and quotes.
fn word_at(lower: &str, word: &str) -> Option<usize> {
    let mut depth = 0_i32;
    let mut quote = None;
    let mut before = ' ';
    for (at, c) in lower.char_indices() {
        match (quote, c) {
            (Some(mark), c) if c == mark => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"' | '`') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') => depth -= 1,
            _ => {}
        }
        let rest = lower.get(at..).unwrap_or_default();
        let is_end = || {
            let next = rest.get(word.len()..).and_then(|rest| rest.chars().next());
            next.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '_')
        };
        if depth == 0
            && quote.is_none()
            && before.is_whitespace()
            && rest.starts_with(word)
            && is_end()
        {
            return Some(at);
        }
        before = c;
    }
    None
}

fn split_unions(query: &str) -> Vec<&str> {
    let lower = query.to_ascii_lowercase();
    let Some(at) = word_at(&lower, "union") else {
        return vec![query];
    };
    let behind = query
        .get(at + "union".len()..)
        .unwrap_or_default()
        .trim_start();
    let behind = match behind.get(..4) {
        Some(all) if all.eq_ignore_ascii_case("all ") => behind.get(4..).unwrap_or_default(),
        _ => behind,
    };
    let mut found = vec![query.get(..at).unwrap_or_default()];
    found.extend(split_unions(behind));
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::directory::sql::Query;

    #[test]
    fn postfix_queries_become_ours() {
        use Dialect::{Mysql, Standard};
        for (query, key, dialect, found) in [
            (
                "SELECT goto FROM alias WHERE address='%s' AND active = '1';",
                Key::Address,
                Mysql,
                "SELECT goto FROM alias WHERE address=:address AND active = '1'",
            ),
            (
                "SELECT goto FROM alias,alias_domain WHERE alias_domain.alias_domain = '%d' and alias.address = CONCAT('%u', '@', alias_domain.target_domain)",
                Key::Address,
                Mysql,
                "SELECT goto FROM alias,alias_domain WHERE alias_domain.alias_domain = :domain and alias.address = CONCAT(:local, '@', alias_domain.target_domain)",
            ),
            (
                "SELECT CONCAT(p, \"%d/%u/\") FROM m WHERE u=\"%s\"",
                Key::Address,
                Mysql,
                "SELECT CONCAT(p, CONCAT(:domain, \"/\", :local, \"/\")) FROM m WHERE u=:address",
            ),
            (
                "SELECT 1 FROM a WHERE address = '@%d' AND x NOT LIKE '@%%'",
                Key::Address,
                Standard,
                "SELECT 1 FROM a WHERE address = ('@' || :domain) AND x NOT LIKE '@%'",
            ),
            (
                "SELECT a FROM aliases WHERE name = '%s'",
                Key::Local,
                Standard,
                "SELECT a FROM aliases WHERE name = :local",
            ),
            (
                "SELECT 'it''s' FROM a WHERE b='%S'",
                Key::Address,
                Standard,
                "SELECT 'it''s' FROM a WHERE b=:address",
            ),
        ] {
            let asked = translated(query, key, dialect).unwrap();
            assert_eq!(asked, found, "{query}");
            asked.parse::<Query>().unwrap();
        }
    }

    #[test]
    fn what_can_not_be_asked_is_told() {
        for (query, why) in [
            ("SELECT COUNT(*) FROM a WHERE b = '%s'", "COUNT"),
            (
                "SELECT IF(EXISTS(SELECT 1 FROM a WHERE b='%s'), 1, 0)",
                "EXISTS",
            ),
            ("SELECT a FROM b WHERE c = %s", "without quotes"),
            ("SELECT a FROM b WHERE c = '%1'", "`%1`"),
            ("SELECT a FROM b WHERE c = '%s", "not closed"),
        ] {
            let error = translated(query, Key::Address, Dialect::Mysql).unwrap_err();
            assert!(error.contains(why), "{query}: {error}");
        }
    }

    #[test]
    fn queries_become_lists() {
        for (query, list) in [
            (
                "SELECT domain FROM domain WHERE domain='%s' AND backupmx = '0' AND active = '1'",
                Some(
                    &[
                        "SELECT DISTINCT domain FROM domain WHERE 1=1 AND backupmx = '0' AND active = '1'",
                    ][..],
                ),
            ),
            (
                "SELECT alias_domain from alias_domain WHERE alias_domain='%s' AND active='1'\n UNION\n SELECT domain FROM domain\n WHERE domain='%s' AND active = '1'",
                Some(&[
                    "SELECT DISTINCT alias_domain from alias_domain WHERE 1=1 AND active='1'\n ",
                    "SELECT DISTINCT domain FROM domain\n WHERE 1=1 AND active = '1'",
                ]),
            ),
            (
                "SELECT 1 FROM users WHERE email LIKE '%%@%s' UNION ALL SELECT 1 FROM aliases WHERE source LIKE '%%@%s'",
                Some(&[
                    "SELECT DISTINCT email FROM users WHERE 1=1 ",
                    "SELECT DISTINCT source FROM aliases WHERE 1=1",
                ]),
            ),
            (
                "SELECT a FROM b WHERE c='%s' AND d='limit 2' ORDER BY e LIMIT 1",
                Some(&["SELECT DISTINCT c FROM b WHERE 1=1 AND d='limit 2' "]),
            ),
            (
                "SELECT a FROM b WHERE c IN (SELECT d FROM e WHERE f = '%s')",
                None,
            ),
            ("SELECT a FROM b WHERE c = '%s' OR d = '%s'", None),
            ("SELECT a FROM b WHERE c = '%d'", None),
            ("CALL domains('%s')", None),
        ] {
            let found = listing(query);
            let list = list.map(|list| list.iter().map(|&one| one.to_owned()).collect::<Vec<_>>());
            assert_eq!(found, list, "{query}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(SELECT |FROM |WHERE |UNION |'|\"|%s|%%|%d|=|\\(|\\)|é|a){0,20}") {
            for dialect in [Dialect::Mysql, Dialect::Standard] {
                let _ = translated(&text, Key::Address, dialect);
            }
            let _ = listing(&text);
        }
    }
}
