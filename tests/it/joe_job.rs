//! `packaging/try` as it is played: every answer is the right one, and the shipped `milter.yaml` has the keys it sets.

use lab::joe_job::{self, Options};

use crate::package::path;

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_right() {
    let folder = lab::mta::folder_in_memory().unwrap();
    let played = joe_job::run(Options {
        backstop: env!("CARGO_BIN_EXE_backstop").into(),
        config: path("milter.yaml"),
        zones: path("packaging/try.d/zones.yaml"),
        report: folder.path().join("report.html"),
        keep: false,
    });
    assert!(
        played.await.unwrap(),
        "a row of the table above is marked !!"
    );
}
