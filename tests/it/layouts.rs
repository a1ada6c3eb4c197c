//! A joe job in every layout: what the MTA understood is what is judged, whatever it resolves a recipient to.

use lab::layouts::{self, Options, Site};

use crate::package::path;

async fn every_answer_is_right(site: Site, layouts: usize) {
    let options = Options {
        backstop: env!("CARGO_BIN_EXE_backstop").into(),
        packaging: path("packaging"),
    };
    let report = layouts::run(options, site).await.unwrap();
    let wrong = &report.wrong;
    assert!(
        wrong.is_empty(),
        "{} of {} answers:\n{}",
        wrong.len(),
        report.cells,
        wrong.join("\n")
    );
    assert!(report.cells > layouts * 20, "{} answers", report.cells);
}

#[tokio::test(flavor = "multi_thread")]
async fn through_postfix() {
    every_answer_is_right(Site::Postfix, 26).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn through_postfix_with_another_delimiter() {
    every_answer_is_right(Site::PostfixDash, 26).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn through_sendmail() {
    every_answer_is_right(Site::Sendmail, 6).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn through_sendmail_with_a_luser_relay() {
    every_answer_is_right(Site::SendmailLuser, 1).await;
}

async fn a_set_up_is_right(site: Site, answers: usize) {
    let options = Options {
        backstop: env!("CARGO_BIN_EXE_backstop").into(),
        packaging: path("packaging"),
    };
    let report = layouts::set_up(options, site).await.unwrap();
    assert!(report.wrong.is_empty(), "{}", report.wrong.join("\n"));
    assert!(report.cells > answers, "{} answers", report.cells);
}

#[tokio::test(flavor = "multi_thread")]
async fn set_up_beside_postfix() {
    a_set_up_is_right(Site::Postfix, 14 * 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn set_up_beside_postfix_with_another_delimiter() {
    a_set_up_is_right(Site::PostfixDash, 14 * 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn set_up_beside_sendmail() {
    a_set_up_is_right(Site::Sendmail, 6 * 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn set_up_beside_sendmail_with_a_luser_relay() {
    a_set_up_is_right(Site::SendmailLuser, 4).await;
}
