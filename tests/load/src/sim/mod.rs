//! A year in a minute: sites and attackers beside the siege's sensor, which is the real one of `backstop::core`.

pub mod domains;
pub mod flood;
pub mod random;
pub mod results;
pub mod run;
pub mod site;
pub mod svg;
pub mod table;
#[cfg(test)]
mod tests;
pub mod traffic;
