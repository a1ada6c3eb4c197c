//! The grammars of RFC 7208 section 9.1 and RFC 8601 section 2.2, read by hand from their ABNF, without the obsolete
//! forms of RFC 5322, which nobody must write. It shares nothing with the code that writes.

/// A Received-SPF that keeps the grammar.
#[derive(Debug, PartialEq)]
pub(super) struct ReceivedSpf {
    pub(super) result: String,
    pub(super) pairs: Vec<(String, String)>,
}

impl ReceivedSpf {
    pub(super) fn keys(&self) -> Vec<&str> {
        self.pairs.iter().map(|(key, _)| key.as_str()).collect()
    }

    pub(super) fn value(&self, key: &str) -> Option<&str> {
        let pair = self.pairs.iter().find(|(found, _)| found == key);
        pair.map(|(_, value)| value.as_str())
    }
}

/// An Authentication-Results that keeps the grammar.
#[derive(Debug, PartialEq)]
pub(super) struct AuthenticationResults {
    pub(super) authserv_id: String,
    pub(super) results: Vec<Statement>,
}

#[derive(Debug, PartialEq)]
pub(super) struct Statement {
    pub(super) method: String,
    pub(super) result: String,
    pub(super) reason: Option<String>,
    /// `ptype.property`, and its value.
    pub(super) properties: Vec<(String, String)>,
}

/// Reads a value whose lines end in LF or CRLF. The error says what was expected, and what stands there.
pub(super) fn received_spf(value: &str) -> Result<ReceivedSpf, String> {
    let value = with_crlf(value);
    let mut scan = Scan { rest: &value };
    // `"Received-SPF:" [CFWS] result FWS [comment FWS] [ key-value-list ] CRLF`; the line end is not ours to write.
    scan.cfws();
    let result = scan.some("result", |byte| byte.is_ascii_lowercase())?;
    let results = "pass fail softfail neutral none temperror permerror";
    if !results.split(' ').any(|known| known == result) {
        return Err(format!("{result} is no result"));
    }
    if !scan.fws() {
        return scan.wrong("FWS after the result");
    }
    if scan.comment() && !scan.fws() {
        return scan.wrong("FWS after the comment");
    }
    // `key-value-pair *( ";" [CFWS] key-value-pair ) [";"]`
    let mut pairs = Vec::new();
    while !scan.rest.is_empty() {
        let key = scan.name()?;
        scan.cfws();
        scan.expect("=")?;
        let value = scan.dot_atom_or_quoted_string()?;
        // RFC 8616 section 5: an address can have UTF-8 in its local part; everything else is ASCII.
        if key != "envelope-from" && !value.is_ascii() {
            return Err(format!("UTF-8 in {key}"));
        }
        pairs.push((key, value));
        if scan.rest.is_empty() {
            break;
        }
        scan.expect(";")?;
        scan.cfws();
    }
    Ok(ReceivedSpf { result, pairs })
}

/// Reads a value whose lines end in LF or CRLF. The error says what was expected, and what stands there.
pub(super) fn authentication_results(value: &str) -> Result<AuthenticationResults, String> {
    if !value.is_ascii() {
        return Err(format!("not in ASCII: {value}"));
    }
    let value = with_crlf(value);
    let mut scan = Scan { rest: &value };
    // `[CFWS] authserv-id [ CFWS authres-version ] ( no-result / 1*resinfo ) [CFWS]`
    scan.cfws();
    let authserv_id = scan.value()?;
    if scan.cfws() {
        scan.any(|byte| byte.is_ascii_digit());
        scan.cfws();
    }
    let mut results = Vec::new();
    while !scan.rest.is_empty() {
        scan.expect(";")?;
        scan.cfws();
        if results.is_empty() && scan.rest == "none" {
            return Ok(AuthenticationResults {
                authserv_id,
                results,
            });
        }
        results.push(scan.resinfo()?);
    }
    if results.is_empty() {
        return scan.wrong("a result, or none");
    }
    Ok(AuthenticationResults {
        authserv_id,
        results,
    })
}

fn with_crlf(value: &str) -> String {
    value.replace("\r\n", "\n").replace('\n', "\r\n")
}

struct Scan<'a> {
    rest: &'a str,
}

impl Scan<'_> {
    fn wrong<T>(&self, expected: &str) -> Result<T, String> {
        Err(format!("expected {expected} before {:?}", self.rest))
    }

    fn peek(&self) -> Option<u8> {
        self.rest.bytes().next()
    }

    fn eat(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, text: &str) -> Result<(), String> {
        if self.eat(text) {
            Ok(())
        } else {
            self.wrong(text)
        }
    }

    fn any(&mut self, is: impl Fn(u8) -> bool) -> String {
        let bytes = self.rest.as_bytes();
        let end = bytes.iter().position(|&byte| !is(byte));
        let (taken, rest) = self.rest.split_at(end.unwrap_or(bytes.len()));
        self.rest = rest;
        taken.to_owned()
    }

    fn some(&mut self, what: &str, is: impl Fn(u8) -> bool) -> Result<String, String> {
        match self.any(is) {
            taken if taken.is_empty() => self.wrong(what),
            taken => Ok(taken),
        }
    }

    /// `FWS = ([*WSP CRLF] 1*WSP)`
    fn fws(&mut self) -> bool {
        let before = self.rest;
        let wsp = |byte| byte == b' ' || byte == b'\t';
        let leading = self.any(wsp);
        let after_leading = self.rest;
        if self.eat("\r\n") {
            if !self.any(wsp).is_empty() {
                return true;
            }
            self.rest = after_leading;
        }
        if leading.is_empty() {
            self.rest = before;
        }
        !leading.is_empty()
    }

    /// `CFWS = (1*([FWS] comment) [FWS]) / FWS`
    fn cfws(&mut self) -> bool {
        let mut any = false;
        loop {
            let blank = self.fws();
            let comment = self.comment();
            any |= blank || comment;
            if !comment {
                return any;
            }
        }
    }

    /// `comment = "(" *([FWS] ccontent) [FWS] ")"`; takes nothing where it isn't one.
    fn comment(&mut self) -> bool {
        let before = self.rest;
        if !self.eat("(") {
            return false;
        }
        loop {
            self.fws();
            if self.eat(")") {
                return true;
            }
            let ctext = |byte: u8| byte.is_ascii_graphic() && !b"()\\".contains(&byte);
            if self.any(ctext).is_empty() && self.quoted_pair().is_none() && !self.comment() {
                self.rest = before;
                return false;
            }
        }
    }

    /// `quoted-pair = ("\" (VCHAR / WSP))`
    fn quoted_pair(&mut self) -> Option<char> {
        let mut characters = self.rest.chars();
        let (first, second) = (characters.next()?, characters.next()?);
        let is_one = first == '\\' && (second.is_ascii_graphic() || " \t".contains(second));
        is_one.then(|| {
            self.rest = characters.as_str();
            second
        })
    }

    /// `DQUOTE *([FWS] qcontent) [FWS] DQUOTE`, decoded: line ends in FWS are invisible.
    fn quoted_string(&mut self) -> Result<String, String> {
        self.expect("\"")?;
        let mut content = String::new();
        loop {
            let before = self.rest;
            if self.fws() {
                let blanks = &before[..before.len() - self.rest.len()];
                content.push_str(&blanks.replace("\r\n", ""));
            }
            if self.eat("\"") {
                return Ok(content);
            }
            // RFC 6532 section 3.2: and UTF-8.
            let qtext =
                |byte: u8| !byte.is_ascii() || byte.is_ascii_graphic() && !b"\"\\".contains(&byte);
            let text = self.any(qtext);
            if !text.is_empty() {
                content.push_str(&text);
            } else if let Some(character) = self.quoted_pair() {
                content.push(character);
            } else {
                return self.wrong("the rest of a quoted-string");
            }
        }
    }

    /// RFC 7208 section 12: `name = ALPHA *( ALPHA / DIGIT / "-" / "_" / "." )`; all keys are names.
    fn name(&mut self) -> Result<String, String> {
        if !self.peek().is_some_and(|byte| byte.is_ascii_alphabetic()) {
            return self.wrong("a key");
        }
        Ok(self.any(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)))
    }

    fn dot_atom_or_quoted_string(&mut self) -> Result<String, String> {
        if self.peek() == Some(b'"') {
            self.quoted_string()
        } else {
            self.dot_atom()
        }
    }

    fn dot_atom(&mut self) -> Result<String, String> {
        let atext =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
        let mut text = self.some("an atom", atext)?;
        while self.eat(".") {
            text = format!("{text}.{}", self.some("an atom after the dot", atext)?);
        }
        Ok(text)
    }

    /// `value = token / quoted-string` (RFC 2045 section 5.1)
    fn value(&mut self) -> Result<String, String> {
        if self.peek() == Some(b'"') {
            return self.quoted_string();
        }
        self.some("a token", |byte| {
            byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&byte)
        })
    }

    /// `methodspec [ CFWS reasonspec ] [ CFWS 1*propspec ]`
    fn resinfo(&mut self) -> Result<Statement, String> {
        let method = self.keyword()?;
        self.cfws();
        self.expect("=")?;
        self.cfws();
        let result = self.keyword()?;
        let mut statement = Statement {
            method,
            result,
            reason: None,
            properties: Vec::new(),
        };
        let mut apart = self.cfws();
        if apart && self.rest.starts_with("reason") {
            self.expect("reason")?;
            self.cfws();
            self.expect("=")?;
            self.cfws();
            statement.reason = Some(self.value()?);
            apart = self.cfws();
        }
        while self.peek().is_some_and(|byte| byte != b';') {
            if !apart {
                return self.wrong("CFWS between properties");
            }
            let ptype = self.keyword()?;
            self.cfws();
            self.expect(".")?;
            self.cfws();
            let property = self.keyword()?;
            self.cfws();
            self.expect("=")?;
            self.cfws();
            let value = self.pvalue()?;
            let property = format!("{ptype}.{property}");
            statement.properties.push((property, value));
            apart = self.cfws();
        }
        Ok(statement)
    }

    /// `Keyword` is `Ldh-str` of RFC 5321: letters, digits and hyphens, the last no hyphen.
    fn keyword(&mut self) -> Result<String, String> {
        let word = self.some("a keyword", |byte| {
            byte.is_ascii_alphanumeric() || byte == b'-'
        })?;
        if word.ends_with('-') {
            return self.wrong("a letter or digit at the keyword's end");
        }
        Ok(word)
    }

    /// `value / [ [ local-part ] "@" ] domain-name`
    fn pvalue(&mut self) -> Result<String, String> {
        let start = self.rest;
        let local = match self.peek() {
            Some(b'"') => self.quoted_string(),
            Some(b'@') => Ok(String::new()),
            _ => self.dot_atom(),
        };
        if let Ok(local) = local
            && self.eat("@")
        {
            let domain = self.domain_name()?;
            return Ok(format!("{local}@{domain}"));
        }
        self.rest = start;
        // A domain-name alone is a token, too.
        self.value()
    }

    /// RFC 6376 section 3.5: `sub-domain 1*("." sub-domain)`
    fn domain_name(&mut self) -> Result<String, String> {
        let name = self.some("a domain", |byte| {
            byte.is_ascii_alphanumeric() || b"-.".contains(&byte)
        })?;
        let labels: Vec<&str> = name.split('.').collect();
        let well_formed = labels
            .iter()
            .all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'));
        if labels.len() < 2 || !well_formed {
            return Err(format!("{name} is no domain-name"));
        }
        Ok(name)
    }
}

#[test]
fn the_examples_of_the_rfcs_are_read() {
    let header = received_spf(
        "pass (mybox.example.org: domain of\n myname@example.com designates 192.0.2.1 as permitted sender)\n \
         receiver=mybox.example.org; client-ip=192.0.2.1;\n envelope-from=\"myname@example.com\"; helo=foo.example.com;",
    )
    .unwrap();
    assert_eq!(header.result, "pass");
    assert_eq!(
        header.keys(),
        ["receiver", "client-ip", "envelope-from", "helo"]
    );
    assert_eq!(header.value("envelope-from"), Some("myname@example.com"));

    let header = authentication_results("example.org 1; none").unwrap();
    assert_eq!(header.results, []);
    let header = authentication_results(
        "foo.example.net (foobar) ; dkim (Because I like it) = (wait for it) fail\n policy (A dot can go here) . \
         (like that) expired\n (this surprised me) = (as I wasn't expecting it) 1362471462",
    )
    .unwrap();
    assert_eq!(header.authserv_id, "foo.example.net");
    assert_eq!(
        header.results[0].properties,
        [("policy.expired".to_owned(), "1362471462".to_owned())]
    );
    let header = authentication_results(
        "example.com;\r\n\tspf=fail reason=\"no\\\" \r\n go\" smtp.mailfrom=\"a b\"@example.net smtp.helo=@a.example",
    )
    .unwrap();
    assert_eq!(header.results[0].reason.as_deref(), Some("no\"  go"));
    assert_eq!(
        header.results[0].properties[0].1,
        "a b@example.net".to_owned()
    );
}

#[test]
fn what_breaks_the_grammar_is_refused() {
    for wrong in [
        "pass",
        "Passed (x) helo=a",
        "pass (x)helo=a",
        "pass (x helo=a",
        "pass (\u{e9}) helo=a",
        "pass helo=[192.0.2.1]",
        "pass client-ip=2001:db8::1",
        "pass helo=",
        "pass helo=a.",
        "pass helo=\"a",
        "pass helo=\"a\u{1}\"",
        "pass helo=\"\u{e9}\"",
        "pass helo=a helo=b",
        "pass helo=a\nX-Injected: b",
        "pass helo=\"a\n\n b\"",
    ] {
        assert!(received_spf(wrong).is_err(), "{wrong:?}");
    }
    for wrong in [
        "example.org",
        "example.org;",
        "example.org; spf",
        "example.org; spf=pass; none",
        "example.org 1 2; none",
        "example.org1; none; none",
        "example.org; spf=pass smtp.mailfrom=<>",
        "example.org; spf=pass smtp.mailfrom=a@localhost",
        "example.org; spf=pass smtp.mailfrom=\"a\"smtp.helo=b",
        "example.org; spf=pass smtp.helo=[192.0.2.1]",
        "example.org; spf=pass smtp.helo=a b",
        "example.org; spf=pass smtp.helo=\u{e9}",
        "example.org; spf=pass smtp.helo=a reason=b",
        "example.org; spf=pass\nX-Injected: b",
    ] {
        assert!(authentication_results(wrong).is_err(), "{wrong:?}");
    }
}
