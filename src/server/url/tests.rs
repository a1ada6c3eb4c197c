use proptest::prelude::*;

use super::*;

/// Any server, and any file.
#[derive(Debug, PartialEq)]
struct Any;

impl Target for Any {
    const SCHEMES: &'static [&'static str] = &["sqlite", "any"];

    fn expected(_: UrlMistake) -> &'static str {
        "use another"
    }

    fn file(_: PathBuf) -> Result<Self, UrlMistake> {
        Ok(Self)
    }

    fn server(url: &Parts) -> Result<Self, UrlMistake> {
        url.host()?;
        url.user()?;
        url.path()?;
        url.options()?.for_each(drop);
        Ok(Self)
    }
}

type AnyUrl = ServerUrl<Any>;

/// All that is ever shown of a text.
fn said(text: &str) -> String {
    match text.parse::<AnyUrl>() {
        Ok(url) => format!("{url} {url:?} {:#?}", Some(&url)),
        Err(error) => format!("{error} {error:?}"),
    }
}

#[test]
fn what_is_shown_has_no_password() {
    for (text, shown) in [
        (
            "any://user:s3cr%65t@192.0.2.1/0",
            "any://user:***@192.0.2.1/0",
        ),
        (
            "any://:s3cr%65t@any.example.org",
            "any://:***@any.example.org",
        ),
        ("any://s3cr%65t:s3cr%65t@[::1]", "any://s3cr%65t:***@[::1]"),
        ("any://any.example.org/", "any://any.example.org"),
        ("sqlite:///var/lib/a b.db", "sqlite:/var/lib/a b.db"),
        ("sqlite:/var/lib/a b.db", "sqlite:/var/lib/a b.db"),
    ] {
        let url: AnyUrl = text.parse().unwrap();
        assert_eq!(
            (url.to_string(), format!("{url:?}")),
            (shown.to_owned(), shown.to_owned())
        );
    }
    let url: AnyUrl = "any://user:p%2fw@192.0.2.1".parse().unwrap();
    let password = Password::Written("p/w".to_owned());
    assert_eq!(url.password(), Some(&password));
    for wrong in [
        "any://user:s3cret@:1",
        "any://user:s3cret@h/x@y",
        "x:s3cret",
    ] {
        assert!(!said(wrong).contains("s3cret"), "{}", said(wrong));
    }
}

#[test]
fn a_password_that_is_not_encoded_is_named_as_a_reason() {
    use UrlMistake::{Credentials, Part, Path, Scheme, Server};
    for (text, mistake) in [
        ("", Scheme),
        ("/var/lib/any", Scheme),
        ("other://192.0.2.1", Scheme),
        ("sqlite:any.db", Path),
        ("sqlite:/", Path),
        ("any://", Server),
        ("any:///path", Server),
        ("any:192.0.2.1", Server),
        ("any://192.0.2.1:99999", Server),
        ("any://:pass#word@192.0.2.1", Credentials),
        ("any://user:@192.0.2.1/0@192.0.2.1", Credentials),
        ("any://user:1/word@192.0.2.1", Credentials),
        ("any://user:%ff@192.0.2.1", Credentials),
        ("any://192.0.2.1#1", Part),
    ] {
        let error = text.parse::<AnyUrl>().unwrap_err();
        assert_eq!(error.mistake, mistake, "{text}");
        let hinted = error
            .to_string()
            .contains("; use another; in a password, write @");
        assert_eq!(hinted, mistake == Credentials, "{error}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(sqlite|any):/{0,3}\\PC*") {
        let _ = text.parse::<AnyUrl>();
    }

    #[test]
    fn no_text_shows_its_password(
        user in "[a-z]{0,3}",
        secret in "[A-Z]{12}",
        more in "\\PC{0,5}",
        rest in "\\PC*",
    ) {
        for text in [
            format!("any://{user}:{secret}{more}@host{rest}"),
            format!("any://{user}:{more}{secret}@{rest}"),
        ] {
            prop_assert!(!said(&text).contains(&secret), "{}", said(&text));
        }
    }
}
