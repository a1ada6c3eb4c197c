//! How far reading is: a bar on standard error, if that is a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar for each source, one after the other.
pub(super) struct Progress {
    bar: ProgressBar,
    ticks: u32,
}

impl Progress {
    pub fn new() -> Self {
        Self {
            bar: ProgressBar::no_length(),
            ticks: 0,
        }
    }

    /// Another source begins, which is so long in this unit.
    pub fn begins(&mut self, name: &str, length: u64, in_octets: bool) {
        if self.bar.is_hidden() {
            return;
        }
        let unit = match in_octets {
            true => "{bytes} of {total_bytes}",
            false => "{pos} of {len} messages",
        };
        // The template is a constant, so it is valid.
        if let Ok(style) =
            ProgressStyle::with_template(&format!("{{msg}} {{wide_bar}} {unit}, {{eta}} to go"))
        {
            self.bar.set_style(style);
        }
        self.bar.set_message(name.to_owned());
        self.bar.set_length(length);
        self.bar.set_position(0);
    }

    /// So far it is read. Only now and then it is shown.
    pub fn is_at(&mut self, position: impl FnOnce() -> u64) {
        self.ticks = self.ticks.wrapping_add(1);
        if self.ticks.is_multiple_of(1024) && !self.bar.is_hidden() {
            self.bar.set_position(position());
        }
    }

    pub fn ends(&self) {
        self.bar.finish_and_clear();
    }
}
