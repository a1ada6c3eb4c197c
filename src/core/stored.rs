//! Values as octets for the store, in postcard's format. Whoever can write to the store chooses what is read: each list
//! has a limit, and no length that is read reserves memory.

use std::{array, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, Error, SeqAccess, Visitor},
};

/// The octets of a value.
pub(super) fn to_bytes<T: Serialize>(value: &T) -> Vec<u8> {
    // Only a list of unknown length has no form, and there is none.
    postcard::to_allocvec(value).unwrap_or_default()
}

/// The value that [`to_bytes`] wrote; `None` where the octets are no such value, or more than one.
pub(super) fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let (value, rest) = postcard::take_from_bytes(bytes).ok()?;
    rest.is_empty().then_some(value)
}

/// The first field of a value that [`to_bytes`] wrote, without a look at the others.
pub(super) fn first_of<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    postcard::take_from_bytes(bytes)
        .ok()
        .map(|(first, _)| first)
}

/// Reads a list of at most `MAX` values.
pub(super) fn at_most<'de, const MAX: usize, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    struct AtMost<T, const MAX: usize>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for AtMost<T, MAX> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "at most {MAX} values")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Vec<T>, A::Error> {
            let mut list = Vec::new();
            while let Some(value) = values.next_element()? {
                if list.len() == MAX {
                    return Err(A::Error::invalid_length(MAX + 1, &self));
                }
                list.push(value);
            }
            Ok(list)
        }
    }

    deserializer.deserialize_seq(AtMost::<T, MAX>(PhantomData))
}

/// An array without the default values at its end, for serde's `with`.
pub(super) mod trimmed {
    use super::*;

    pub(in crate::core) fn serialize<S, T, const N: usize>(
        values: &[T; N],
        serializer: S,
    ) -> Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
        T: Serialize + Default + PartialEq,
    {
        let last = values.iter().rposition(|value| *value != T::default());
        serializer.collect_seq(values.iter().take(last.map_or(0, |last| last + 1)))
    }

    pub(in crate::core) fn deserialize<'de, D, T, const N: usize>(
        deserializer: D,
    ) -> Result<[T; N], D::Error>
    where
        D: Deserializer<'de>,
        T: Deserialize<'de> + Copy + Default,
    {
        let values = at_most::<N, T, D>(deserializer)?;
        Ok(array::from_fn(|at| {
            values.get(at).copied().unwrap_or_default()
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Row {
        #[serde(deserialize_with = "at_most::<3, _, _>")]
        list: Vec<u16>,
        #[serde(with = "trimmed")]
        array: [u8; 4],
    }

    #[test]
    fn what_was_written_is_read_and_nothing_else() {
        let row = Row {
            list: vec![1, 300],
            array: [7, 0, 9, 0],
        };
        let bytes = [2, 1, 0xac, 2, 3, 7, 0, 9];
        assert_eq!(to_bytes(&row), bytes);
        assert_eq!(from_bytes(&bytes), Some(row));
        for (damaged, why) in [
            (&bytes[..7], "its end is missing"),
            (&[2, 1, 0xac, 2, 3, 7, 0, 9, 0], "something follows"),
            (&[4, 1, 1, 1, 1, 0], "a list is too long"),
            (&[0, 5, 1, 1, 1, 1, 1], "an array is too long"),
            (&[0xff, 0xff, 0xff, 0xff, 0xf, 1], "a length is a lie"),
            (&[1, 0xff, 0xff, 0xff, 1, 0], "a number is too large"),
        ] {
            assert_eq!(from_bytes::<Row>(damaged), None, "{why}");
        }
    }
}
