//! Name servers that the system names, in resolv.conf(5).

use std::fs;

use super::super::{DnsSettings, MIN_TIMEOUT, Nameserver, Resolver};

async fn asked(resolver: &Resolver) -> Vec<Nameserver> {
    let probed = resolver.probe().await;
    probed.into_iter().map(|(asked, _)| asked).collect()
}

fn servers<const N: usize>(texts: [&str; N]) -> Vec<Nameserver> {
    texts.map(|text| text.parse().unwrap()).into()
}

#[tokio::test]
async fn without_any_the_one_on_this_host_is_asked_until_the_system_names_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("resolv.conf");
    let settings = DnsSettings {
        timeout: MIN_TIMEOUT,
        ..DnsSettings::default()
    };
    let resolver = Resolver::with_system(&settings, &file).unwrap();
    assert_eq!(asked(&resolver).await, servers(["127.0.0.1"]));
    assert_eq!(resolver.refresh(), None);

    // As when the network comes up after the daemon did.
    let named = servers(["127.0.0.98", "127.0.0.99"]);
    fs::write(&file, "nameserver 127.0.0.98\nnameserver 127.0.0.99\n").unwrap();
    assert_eq!(resolver.refresh(), Some(named.clone()));
    assert_eq!(asked(&resolver).await, named);
    assert_eq!(resolver.refresh(), None);

    fs::write(&file, "").unwrap();
    assert_eq!(resolver.refresh(), None);
    assert_eq!(asked(&resolver).await, named);
}

#[tokio::test]
async fn what_the_settings_name_is_not_the_systems_to_change() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("resolv.conf");
    fs::write(&file, "nameserver 127.0.0.98\n").unwrap();
    let settings = DnsSettings {
        nameservers: servers(["127.0.0.97"]),
        timeout: MIN_TIMEOUT,
        ..DnsSettings::default()
    };
    let resolver = Resolver::with_system(&settings, &file).unwrap();
    assert_eq!(resolver.refresh(), None);
    assert_eq!(asked(&resolver).await, servers(["127.0.0.97"]));
}
