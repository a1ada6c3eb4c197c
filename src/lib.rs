//! The layers of Backstop. A layer uses only the layers below it:
//!
//! | layer         | what it does |
//! |---------------|--------------|
//! | [`cli`]       | the commands: turns arguments into calls of the layers below, and results into text, JSON and exit codes |
//! | [`setup`]     | reads the MTA of the host, and writes `milter.yaml` and its lines for the MTA from that; takes them back |
//! | [`config`]    | turns `milter.yaml` into settings, and its mistakes into file:line:column with a fix |
//! | [`milter`]    | speaks the milter protocol: callbacks, macros, actions, sockets, and a guard against hostile peers |
//! | [`engine`]    | runs messages through `core` and decides nothing: sessions, one loop that answers the questions of `core`, sieges |
//! | [`dns`]       | answers DNS questions within a time budget and from a bounded cache, with hickory |
//! | [`directory`] | knows which recipients exist: reads lists again when they change, and asks SQL and LDAP servers |
//! | [`dkim`]      | verifies the DKIM signatures of returned messages, with mail-auth |
//! | [`store`]     | remembers, in SQLite or Redis: the ledger of outgoing mail, uses of proofs, sieges, counts, samples |
//! | [`mailstore`] | reads stored mail (maildirs, mboxes, folders of `.eml`), the envelope that its headers give, and logs |
//! | [`observe`]   | reports: the decision line of the log, metrics, and warnings that are counted instead of repeated |
//! | [`spf`]       | evaluates RFC 7208, with any source of DNS answers |
//! | [`server`]    | parses the URLs of servers, and keeps their passwords out of every text |
//! | [`maillog`]   | reads the lines that an MTA logs, and tells from them which messages were outgoing; without I/O |
//! | [`core`]      | decides: facts and answers in, questions and verdicts out; without I/O, clock, async or log |
//!
//! Layers from `dns` to `observe` do not use each other, nor do `spf`, `server` and `maillog`. Only `milter` names the crate `milter`,
//! only `dns` hickory, only `dkim` mail-auth, only `store` redis, only `directory` ldap3, and only these two sqlx. The test
//! `tests/it/arrows.rs` checks all of this.
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

/// The allocator of every program that links this crate, so that a floor that is measured beside the daemon has the same.
///
/// Its own threads give memory back that nobody uses any more. That of glibc kept 28 MB more after 5,000 connections had
/// come and gone, where this one keeps none; mimalloc is as fast, and kept 90 MB.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

pub mod cli;
pub mod config;
pub mod core;
pub mod directory;
pub mod dkim;
pub mod dns;
pub mod engine;
pub mod maillog;
pub mod mailstore;
pub mod milter;
pub mod observe;
pub mod server;
pub mod setup;
pub mod spf;
pub mod store;
