use super::*;

fn keys(id: u8, secret: &[u8]) -> Keys {
    Key::new(id, 0, secret, None).into_iter().collect()
}

#[test]
fn the_tag_is_the_one_that_others_make() {
    let user = Mailbox::from_bytes(b"user@example.com");
    let signed = sign(&user, &keys(0, b"secret"), 20_116, 7, Layout::Prvs, b'+');
    assert_eq!(signed.unwrap(), b"prvs=0123cfcd40=user@example.com");
}
