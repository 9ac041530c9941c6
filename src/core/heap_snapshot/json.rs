//! JSON for the façade, written.

use std::fmt::Write;

/// A text that grows. Commas are set where they belong.
#[derive(Debug, Default)]
pub struct Writer {
    text: String,
    comma: bool,
}

impl Writer {
    /// The text.
    pub fn finish(self) -> String {
        self.text
    }

    fn before(&mut self) {
        if self.comma {
            self.text.push(',');
        }
        self.comma = true;
    }

    /// Begins an object or an array: `{` or `[`.
    pub fn open(&mut self, bracket: char) -> &mut Self {
        self.before();
        self.text.push(bracket);
        self.comma = false;
        self
    }

    /// Ends it: `}` or `]`.
    pub fn close(&mut self, bracket: char) -> &mut Self {
        self.text.push(bracket);
        self.comma = true;
        self
    }

    /// The name of the member that comes next.
    pub fn key(&mut self, name: &str) -> &mut Self {
        self.text(name);
        self.text.push(':');
        self.comma = false;
        self
    }

    /// A string.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.before();
        self.text.push('"');
        for character in text.chars() {
            match character {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                '\0'..='\x1f' => _ = write!(self.text, "\\u{:04x}", u32::from(character)),
                _ => self.text.push(character),
            }
        }
        self.text.push('"');
        self
    }

    /// A number. What JSON cannot say is `null`.
    pub fn number(&mut self, number: f64) -> &mut Self {
        self.before();
        if number.is_finite() {
            _ = write!(self.text, "{number}");
        } else {
            self.text.push_str("null");
        }
        self
    }

    /// `true` or `false`.
    pub fn flag(&mut self, flag: bool) -> &mut Self {
        self.before();
        self.text.push_str(if flag { "true" } else { "false" });
        self
    }
}
