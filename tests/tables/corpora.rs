//! What fuzzing found, and what reaches most of the code: the inputs in `tests/fuzz/corpus`, each run by its target.

use std::{fs, panic};

use crate::files;

#[path = "../fuzz/targets/mod.rs"]
mod targets;

#[test]
fn each_input_holds() {
    let mut failed = Vec::new();
    for (name, _) in targets::ALL {
        let corpus = fs::read_dir(files::path("tests/fuzz/corpus").join(name)).unwrap();
        let inputs: Vec<_> = corpus.map(|entry| entry.unwrap().path()).collect();
        assert!(!inputs.is_empty(), "{name} has none");
        failed.extend(inputs.into_iter().filter(|input| {
            let data = fs::read(input).unwrap();
            panic::catch_unwind(|| targets::run(name, &data)).is_err()
        }));
    }
    assert!(failed.is_empty(), "{failed:#?}");
}
