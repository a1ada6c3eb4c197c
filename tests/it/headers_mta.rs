//! scratch
use crate::site::{Letter, Mta, Site};
fn show<M: Mta>() {
    let site = Site::<M>::start();
    let mut client = site.friend();
    let letter = Letter::new();
    let mut bytes = b"Received: from a by b; Thu, 1 Jan 2026 00:00:00 +0000\r\nX-Backstop: forged\r\nReceived-SPF: pass\r\nX-BackStop: 2\r\n".to_vec();
    bytes.extend_from_slice(&letter.bytes);
    assert_eq!(client.message("bob@friend.example", "joe@example.org", &bytes).unwrap().code, 250);
    println!("{}", site.delivered("joe@example.org", &letter));
    panic!();
}
#[test]
fn p() { show::<lab::postfix::Postfix>() }
#[test]
fn s() { show::<lab::sendmail::Sendmail>() }
