//! Choices and texts, taken from the octets of an input; when they are used up, the first choice and the empty text.

pub struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    pub fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((&byte, rest)) => {
                self.0 = rest;
                byte
            }
            None => 0,
        }
    }

    pub fn below(&mut self, limit: usize) -> usize {
        usize::from(self.byte()) % limit
    }

    pub fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == many - 1
    }

    pub fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    pub fn number(&mut self) -> u64 {
        (0..8).fold(0, |number, _| number << 8 | u64::from(self.byte()))
    }

    /// At most `most` octets, up to a NUL.
    pub fn text(&mut self, most: usize) -> &'a [u8] {
        let end = self.0.iter().take(most).position(|&byte| byte == 0);
        let (text, rest) = self.0.split_at(end.unwrap_or(most.min(self.0.len())));
        self.0 = rest.strip_prefix(b"\0").unwrap_or(rest);
        text
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }
}
