//! The store, in a real SQLite file and on a real Redis server: both must pass the same tests.

/// Each test once on SQLite, once on Redis.
macro_rules! on_both {
    ($($test:ident)*) => {
        mod on_sqlite {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $test() {
                    super::$test(crate::store::place::Place::sqlite()).await;
                }
            )*
        }
        mod on_redis {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $test() {
                    super::$test(crate::store::place::Place::redis()).await;
                }
            )*
        }
    };
}

pub mod attack;
mod domains;
mod forged;
mod learned;
mod losses;
pub mod place;
mod redis;
pub mod reports;
mod siege;
mod sqlite;
mod suite;
pub mod would;
