//! The store, in a real SQLite file and on a real Redis server: both must pass the same tests.

mod attack;
mod place;
mod redis;
mod sqlite;
mod suite;
