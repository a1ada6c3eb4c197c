//! The system's name servers, as resolv.conf(5) has them.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    str,
};

use super::settings::{DNS_PORT, Nameserver};

/// The file in which the system names them.
pub(super) const RESOLV_CONF: &str = "/etc/resolv.conf";

/// The servers that the file names, in its order; none where it names none or can't be read. Lines that make no sense
/// are ignored, as the C library does.
pub(super) fn nameservers(resolv_conf: &Path) -> Vec<Nameserver> {
    std::fs::read(resolv_conf).map_or_else(|_| Vec::new(), |text| parse(&text))
}

/// The server that resolv.conf(5) prescribes where the file names none: the one on this host.
pub(super) fn local() -> Nameserver {
    at(Ipv4Addr::LOCALHOST.into())
}

fn parse(text: &[u8]) -> Vec<Nameserver> {
    text.split(|byte| *byte == b'\n')
        .filter_map(|line| str::from_utf8(line).ok())
        .filter_map(|line| {
            let mut words = line.split_ascii_whitespace();
            words.next().filter(|word| *word == "nameserver")?;
            words.next()?.parse().ok().map(at)
        })
        .collect()
}

fn at(address: IpAddr) -> Nameserver {
    SocketAddr::new(address, DNS_PORT).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_name_no_server_are_passed_over() {
        let text = b"# nameserver 192.0.2.9\n; nameserver 192.0.2.9\nsearch -- bad..name\nnameserver 192.0.2.1 # here\r\n\
                     \xff\n  nameserver\t2001:db8::1\nnameserver\nnameserver dns.example\nnameservers 192.0.2.9\n\
                     options edns0\nnameserver 192.0.2.2";
        let named = parse(text);
        let wanted: Vec<Nameserver> = ["192.0.2.1", "2001:db8::1", "192.0.2.2"]
            .map(|text| text.parse().unwrap())
            .into();
        assert_eq!(named, wanted);
    }

    #[test]
    fn a_file_that_is_not_there_names_none() {
        assert_eq!(nameservers(Path::new("/nonexistent/resolv.conf")), []);
    }
}
