//! Backstop, layer by layer. Dependencies point one way, downwards:
//!
//! | layer       | what it does, in one sentence |
//! |-------------|-------------------------------|
//! | [`cli`]     | turns arguments into calls of the layers below, and their answers into text and exit codes |
//! | [`config`]  | turns `milter.yaml` into settings, and its mistakes into file:line:column and the mend |
//! | [`milter`]  | speaks the milter protocol: translates what the MTA says into facts, and verdicts into replies |
//! | [`engine`]  | judges messages as they come: asks the adapters what the core wants to know, within the time there is |
//! | [`directory`] | knows which recipients exist: reads lists again when they change, asks SQL and LDAP servers |
//! | [`observe`] | tells of every verdict: the decision line, metrics, and warnings that are counted instead of repeated |
//! | [`mailstore`] | reads stored mail: maildirs, mboxes, folders of `.eml`, and what it tells of its envelope |
//! | [`store`]   | remembers: the ledger of outgoing mail, uses of proofs, counts, samples; in SQLite or Redis |
//! | [`dns`]     | answers DNS questions within a time budget, from a bounded cache, through hickory |
//! | [`dkim`]    | tells what the DKIM signatures of a returned message prove, through mail-auth |
//! | [`spf`]     | evaluates RFC 7208 over whatever answers its DNS questions |
//! | [`server`]  | knows what the URLs of servers have in common, and keeps their passwords to itself |
//! | [`core`]    | decides: facts in, verdict out; knows no milter, DNS, clock, async, log or file |
//!
//! Only `milter` names the `milter` crate, only `dns` names hickory, only `dkim` mail-auth, only `store` redis, only
//! `directory` ldap3, only these two sqlx; a test (`tests/it/arrows.rs`) keeps it so.
#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )
)]

pub mod cli;
pub mod config;
pub mod core;
pub mod directory;
pub mod dkim;
pub mod dns;
pub mod engine;
pub mod mailstore;
pub mod milter;
pub mod observe;
pub mod server;
pub mod spf;
pub mod store;
