//! What servers said, in two places: of domains that `local.domains` names, and of names below an entry `.example.org`.
//! Strangers make those up, and there they crowd out one another alone, even where the server has something for each.

use std::hash::Hash;

use moka::sync::Cache;

use super::template::Asked;

/// Two caches of the same kind and size.
pub(super) struct Apart<K, V> {
    named: Cache<K, V>,
    below: Cache<K, V>,
}

impl<K, V> Apart<K, V>
where
    K: Clone + Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub fn new(make: impl Fn() -> Cache<K, V>) -> Self {
        Self {
            named: make(),
            below: make(),
        }
    }

    /// The one that holds what was said to this question.
    pub fn of(&self, asked: &Asked) -> &Cache<K, V> {
        match asked.is_below() {
            true => &self.below,
            false => &self.named,
        }
    }

    /// All that is held.
    pub fn iter(&self) -> impl Iterator<Item = (K, V)> {
        let all = self.named.iter().chain(self.below.iter());
        all.map(|(key, value)| ((*key).clone(), value))
    }
}
