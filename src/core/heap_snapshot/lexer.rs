//! JSON as a stream: bytes in any chunks, events out.
//!
//! Own work, because a snapshot is nearly all numbers: the arrays of them are read by a loop that does nothing else. A
//! general reader made an object of each value, or wanted the whole text in memory. What is here accepts JSON (RFC 8259)
//! of a bounded depth, and refuses everything else.

/// Deeper than any snapshot.
const MOST_DEPTH: usize = 64;

/// What a text consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// `{`
    ObjectStart,
    /// `}`
    ObjectEnd,
    /// `[`
    ArrayStart,
    /// `]`
    ArrayEnd,
    /// The name of a member, without its escapes, cut to what the listener takes.
    Key(&'a [u8]),
    /// A string, likewise.
    Text(&'a [u8]),
    /// An integer of at most 2^53.
    Number(u64),
    /// Any other number, or `true`, `false`, `null`.
    Other,
}

/// Why a text is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It is no JSON. Says what is wrong.
    Syntax(&'static str),
    /// It is JSON, and not what the listener takes.
    Content(String),
}

/// Who hears of what is read.
pub trait Listener {
    /// Something has been read.
    fn event(&mut self, event: Event<'_>) -> Result<(), Refusal>;
    /// How many bytes of a string are of use now.
    fn most_text(&self) -> usize;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A value must come.
    Value,
    /// A value or `]` must come.
    FirstValue,
    /// `,` or the end of what is open must come.
    AfterValue,
    /// A key or `}` must come.
    FirstKey,
    /// A key must come.
    Key,
    /// `:` must come.
    Colon,
    /// In a string, or in a key.
    Text { key: bool },
    /// After a backslash.
    Escape { key: bool },
    /// In the digits of `\u`.
    Unicode { key: bool, left: u8, unit: u16 },
    /// In a plain integer.
    Integer,
    /// In any other number: which part of it.
    Fraction(Part),
    /// In a word, of which so many bytes have come.
    Word(&'static [u8], u8),
    /// Only white space may come.
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Minus,
    Zero,
    Whole,
    Point,
    Decimals,
    E,
    Sign,
    Exponent,
}

/// The state between chunks.
#[derive(Debug)]
pub struct Lexer {
    state: State,
    /// What is open, `true` for an object.
    open: Vec<bool>,
    text: Vec<u8>,
    /// The first half of a pair of surrogates.
    high: u16,
    number: u64,
    digits: u32,
}

impl Default for Lexer {
    fn default() -> Self {
        Self { state: State::Value, open: Vec::new(), text: Vec::new(), high: 0, number: 0, digits: 0 }
    }
}

const TOO_LARGE: Refusal = Refusal::Syntax("a number is too large");
const LARGEST: u64 = 1 << 53;

impl Lexer {
    /// Reads on.
    ///
    /// # Errors
    /// If what is read is no JSON, or the listener refuses it. The lexer is of no use then.
    pub fn push(&mut self, bytes: &[u8], listener: &mut impl Listener) -> Result<(), Refusal> {
        let mut at = 0;
        while at < bytes.len() {
            at = match self.state {
                State::Text { key } => self.text(bytes, at, key, listener)?,
                State::Integer => self.integer(bytes, at, listener)?,
                _ => self.step(bytes[at], listener).map(|eaten| at + usize::from(eaten))?,
            };
        }
        Ok(())
    }

    /// To be called after the last byte.
    ///
    /// # Errors
    /// If the text is not at its end.
    pub fn finish(&self) -> Result<(), Refusal> {
        if self.state == State::End { Ok(()) } else { Err(Refusal::Syntax("the text ends too early")) }
    }

    /// How many arrays and objects are open.
    pub fn depth(&self) -> usize {
        self.open.len()
    }

    /// One byte. False if it must be looked at again.
    fn step(&mut self, byte: u8, listener: &mut impl Listener) -> Result<bool, Refusal> {
        match self.state {
            State::Escape { key } => self.escape(byte, key, listener)?,
            State::Unicode { key, left, unit } => self.unicode(byte, key, left, unit, listener)?,
            State::Word(word, come) => self.word(byte, word, come, listener)?,
            State::Fraction(part) => return self.fraction(byte, part, listener),
            _ if matches!(byte, b' ' | b'\n' | b'\r' | b'\t') => (),
            State::Value => self.value(byte, listener)?,
            State::FirstValue if byte == b']' => self.close(false, listener)?,
            State::FirstValue => self.value(byte, listener)?,
            State::AfterValue => self.after_value(byte, listener)?,
            State::FirstKey if byte == b'}' => self.close(true, listener)?,
            State::FirstKey | State::Key if byte == b'"' => self.begin_text(true),
            State::FirstKey | State::Key => return Err(Refusal::Syntax("a name is missing")),
            State::Colon if byte == b':' => self.state = State::Value,
            State::Colon => return Err(Refusal::Syntax("a colon is missing")),
            State::End => return Err(Refusal::Syntax("something comes after the end")),
            State::Text { .. } | State::Integer => return Err(Refusal::Syntax("a bug in the lexer")),
        }
        Ok(true)
    }

    fn value(&mut self, byte: u8, listener: &mut impl Listener) -> Result<(), Refusal> {
        self.state = match byte {
            b'{' => return self.open(true, listener),
            b'[' => return self.open(false, listener),
            b'"' => {
                self.begin_text(false);
                return Ok(());
            }
            b'0' => State::Fraction(Part::Zero),
            b'1'..=b'9' => {
                self.number = u64::from(byte - b'0');
                self.digits = 1;
                State::Integer
            }
            b'-' => State::Fraction(Part::Minus),
            b't' => State::Word(b"true", 1),
            b'f' => State::Word(b"false", 1),
            b'n' => State::Word(b"null", 1),
            _ => return Err(Refusal::Syntax("a value is missing")),
        };
        Ok(())
    }

    fn open(&mut self, object: bool, listener: &mut impl Listener) -> Result<(), Refusal> {
        if self.open.len() == MOST_DEPTH {
            return Err(Refusal::Syntax("it is nested too deep"));
        }
        self.open.push(object);
        self.state = if object { State::FirstKey } else { State::FirstValue };
        listener.event(if object { Event::ObjectStart } else { Event::ArrayStart })
    }

    fn close(&mut self, object: bool, listener: &mut impl Listener) -> Result<(), Refusal> {
        if self.open.pop() != Some(object) {
            return Err(Refusal::Syntax("a bracket does not fit"));
        }
        self.end_value();
        listener.event(if object { Event::ObjectEnd } else { Event::ArrayEnd })
    }

    fn end_value(&mut self) {
        self.state = if self.open.is_empty() { State::End } else { State::AfterValue };
    }

    fn after_value(&mut self, byte: u8, listener: &mut impl Listener) -> Result<(), Refusal> {
        match byte {
            b',' => {
                self.state = if self.open.last() == Some(&true) { State::Key } else { State::Value };
                Ok(())
            }
            b'}' => self.close(true, listener),
            b']' => self.close(false, listener),
            _ => Err(Refusal::Syntax("a comma is missing")),
        }
    }

    fn word(&mut self, byte: u8, word: &'static [u8], come: u8, listener: &mut impl Listener) -> Result<(), Refusal> {
        if word.get(usize::from(come)) != Some(&byte) {
            return Err(Refusal::Syntax("an unknown word"));
        }
        if usize::from(come) + 1 < word.len() {
            self.state = State::Word(word, come + 1);
            return Ok(());
        }
        self.end_value();
        listener.event(Event::Other)
    }

    // ---- numbers

    /// The digits of an integer, as many as are there; and, in an array, the numbers behind it: the hot loop.
    fn integer(&mut self, bytes: &[u8], mut at: usize, listener: &mut impl Listener) -> Result<usize, Refusal> {
        let in_array = self.open.last() == Some(&false);
        loop {
            let (mut number, mut digits) = (self.number, self.digits);
            while let Some(digit) = bytes.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|&digit| digit < 10) {
                // Sixteen digits fit in any case.
                number = number.wrapping_mul(10).wrapping_add(u64::from(digit));
                digits += 1;
                at += 1;
                if digits > 16 {
                    return Err(TOO_LARGE);
                }
            }
            (self.number, self.digits) = (number, digits);
            let Some(&byte) = bytes.get(at) else { return Ok(at) };
            if byte == b'.' || byte == b'e' || byte == b'E' {
                self.state = State::Fraction(Part::Whole);
                return Ok(at);
            }
            if number > LARGEST {
                return Err(TOO_LARGE);
            }
            self.end_value();
            listener.event(Event::Number(number))?;
            // The next number follows at once, or after the line's end that Node 20 and 22 write.
            if !in_array || byte != b',' {
                return Ok(at);
            }
            match bytes.get(at + 1) {
                Some(digit @ b'1'..=b'9') => {
                    (self.number, self.digits, self.state) = (u64::from(digit - b'0'), 1, State::Integer);
                    at += 2;
                }
                Some(b'0') if matches!(bytes.get(at + 2), Some(b',' | b'\n' | b']')) => {
                    // A zero: many fields are. What follows is looked at as after any number.
                    (self.number, self.digits, self.state) = (0, 1, State::Integer);
                    at += 2;
                }
                _ => return Ok(at),
            }
        }
    }

    /// A number that begins with a minus or a zero, or is no integer.
    fn fraction(&mut self, byte: u8, part: Part, listener: &mut impl Listener) -> Result<bool, Refusal> {
        use Part::{Decimals, E, Exponent, Minus, Point, Sign, Whole, Zero};
        let digit = byte.is_ascii_digit();
        let next = match (part, byte) {
            (Minus, b'0') => Some(Zero),
            (Minus | Whole, _) if digit => Some(Whole),
            (Zero | Whole, b'.') => Some(Point),
            (Point | Decimals, _) if digit => Some(Decimals),
            (Zero | Whole | Decimals, b'e' | b'E') => Some(E),
            (E, b'+' | b'-') => Some(Sign),
            (E | Sign | Exponent, _) if digit => Some(Exponent),
            _ => None,
        };
        if let Some(next) = next {
            self.state = State::Fraction(next);
            return Ok(true);
        }
        if digit || matches!(part, Minus | Point | E | Sign) {
            return Err(Refusal::Syntax("a number is malformed"));
        }
        self.end_value();
        listener.event(if part == Zero { Event::Number(0) } else { Event::Other })?;
        Ok(false)
    }

    // ---- strings

    fn begin_text(&mut self, key: bool) {
        self.text.clear();
        self.high = 0;
        self.state = State::Text { key };
    }

    fn text(&mut self, bytes: &[u8], at: usize, key: bool, listener: &mut impl Listener) -> Result<usize, Refusal> {
        let rest = &bytes[at..];
        let plain = rest.iter().position(|&byte| byte == b'"' || byte == b'\\' || byte < 0x20).unwrap_or(rest.len());
        if plain > 0 {
            self.append(&rest[..plain], listener);
        }
        match rest.get(plain) {
            None => return Ok(bytes.len()),
            Some(b'"') => {
                self.flush_surrogate(listener);
                self.cut();
                if key {
                    self.state = State::Colon;
                    listener.event(Event::Key(&self.text))?;
                } else {
                    self.end_value();
                    listener.event(Event::Text(&self.text))?;
                }
            }
            Some(b'\\') => self.state = State::Escape { key },
            Some(_) => return Err(Refusal::Syntax("a string holds a control character")),
        }
        Ok(at + plain + 1)
    }

    fn append(&mut self, bytes: &[u8], listener: &impl Listener) {
        self.flush_surrogate(listener);
        let room = listener.most_text().saturating_sub(self.text.len());
        self.text.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// A string that was cut may end within a character.
    fn cut(&mut self) {
        if let Err(error) = std::str::from_utf8(&self.text)
            && error.error_len().is_none()
        {
            self.text.truncate(error.valid_up_to());
        }
    }

    fn flush_surrogate(&mut self, listener: &impl Listener) {
        if std::mem::take(&mut self.high) != 0 {
            self.append_char(char::REPLACEMENT_CHARACTER, listener);
        }
    }

    fn append_char(&mut self, character: char, listener: &impl Listener) {
        let mut utf8 = [0; 4];
        let encoded = character.encode_utf8(&mut utf8).as_bytes();
        let room = listener.most_text().saturating_sub(self.text.len());
        if encoded.len() <= room {
            self.text.extend_from_slice(encoded);
        }
    }

    fn escape(&mut self, byte: u8, key: bool, listener: &impl Listener) -> Result<(), Refusal> {
        let plain = match byte {
            b'"' | b'\\' | b'/' => byte,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                self.state = State::Unicode { key, left: 4, unit: 0 };
                return Ok(());
            }
            _ => return Err(Refusal::Syntax("an unknown escape")),
        };
        self.append(&[plain], listener);
        self.state = State::Text { key };
        Ok(())
    }

    fn unicode(&mut self, byte: u8, key: bool, left: u8, unit: u16, listener: &impl Listener) -> Result<(), Refusal> {
        let digit = char::from(byte).to_digit(16).ok_or(Refusal::Syntax("an escape is malformed"))?;
        let unit = unit << 4 | digit as u16;
        if left > 1 {
            self.state = State::Unicode { key, left: left - 1, unit };
            return Ok(());
        }
        self.state = State::Text { key };
        if (0xdc00..0xe000).contains(&unit) && self.high != 0 {
            let high = u32::from(std::mem::take(&mut self.high)) - 0xd800;
            let code = 0x10000 + (high << 10) + (u32::from(unit) - 0xdc00);
            self.append_char(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), listener);
            return Ok(());
        }
        self.flush_surrogate(listener);
        if (0xd800..0xdc00).contains(&unit) {
            self.high = unit;
        } else {
            self.append_char(char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER), listener);
        }
        Ok(())
    }
}
