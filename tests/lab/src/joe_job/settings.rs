//! The copy of `milter.yaml` that is played with: the shipped file, with the values of some keys replaced.

use std::{io, net::SocketAddr, path::Path};

use serde_yaml::Value;

/// Sets what the play needs.
///
/// # Errors
/// When the text is no YAML, or lacks one of the keys: the shipped file is the list of all keys there are.
pub(super) fn for_the_play(
    shipped: &str,
    nameserver: SocketAddr,
    keys: &Path,
) -> io::Result<String> {
    let mut config: Value = serde_yaml::from_str(shipped).map_err(io::Error::other)?;
    for (key, value) in [
        ("listen", "inet:0@127.0.0.1".to_owned()),
        ("mode", "enforce".to_owned()),
        ("local.domains", "[example.org]".to_owned()),
        ("dns.nameservers", format!("[\"{nameserver}\"]")),
        // The dead domain shall not keep the audience waiting.
        ("dns.timeout", "1s".to_owned()),
        ("dns.budget", "2s".to_owned()),
        ("null_sender.never_send", "[noreply@example.org]".to_owned()),
        // Nobody signs with DKIM here: bounces prove themselves by the Message-ID of what they return.
        ("proof.dkim.verify", "false".to_owned()),
        ("proof.key_file", keys.display().to_string()),
        ("proof.ledger.remember", "true".to_owned()),
        ("observe.http", "\"127.0.0.1:0\"".to_owned()),
        (
            "recipients",
            "[{domain: example.org, known: [{addresses: [joe, sales, info]}], \
               rules: [{match: 'shop-[a-z0-9]+', mail: accept, bounces: reject}], \
               catch_all: {mail: accept, bounces: reject}}]"
                .to_owned(),
        ),
    ] {
        *at(&mut config, key)? = serde_yaml::from_str(&value).map_err(io::Error::other)?;
    }
    // The one that is shipped is the real one.
    if let Some(config) = config.as_mapping_mut() {
        config.remove("store");
    }
    serde_yaml::to_string(&config).map_err(io::Error::other)
}

fn at<'a>(config: &'a mut Value, key: &str) -> io::Result<&'a mut Value> {
    key.split('.').try_fold(config, |value, name| {
        value
            .get_mut(name)
            .ok_or_else(|| io::Error::other(format!("the shipped milter.yaml has no key `{key}`")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED: &str = "
listen: inet:8894@127.0.0.1 # here
mode: monitor
local: {domains: [], networks: [127.0.0.0/8]}
dns: {nameservers: [], timeout: 2s, budget: 8s}
null_sender:
  never_send: []
recipients: []
proof: {key_file: '', dkim: {verify: true}, ledger: {remember: false}, unproven: tag}
observe: {http: ''}
";

    #[test]
    fn values_are_replaced_and_the_rest_stays() {
        let nameserver = "127.0.0.1:53".parse().unwrap();
        let played = for_the_play(SHIPPED, nameserver, Path::new("/k")).unwrap();
        let config: Value = serde_yaml::from_str(&played).unwrap();
        assert_eq!(config["listen"], "inet:0@127.0.0.1");
        assert_eq!(config["dns"]["nameservers"][0], "127.0.0.1:53");
        assert_eq!(config["local"]["networks"][0], "127.0.0.0/8");
        assert_eq!(config["recipients"][0]["domain"], "example.org");
    }

    #[test]
    fn a_key_that_is_gone_is_an_error() {
        let nameserver = "127.0.0.1:53".parse().unwrap();
        let shipped = SHIPPED.replace("never_send", "never_sends");
        let error = for_the_play(&shipped, nameserver, Path::new("/k")).unwrap_err();
        assert!(
            error.to_string().contains("`null_sender.never_send`"),
            "{error}"
        );
    }
}
