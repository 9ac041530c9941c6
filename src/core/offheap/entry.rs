//! How an entry lies in its block.
//!
//! | word | holds |
//! |---|---|
//! | 0 | low half: the arena's; high half: the low 32 bits of the deadline |
//! | 1 | length of the value (31 bits), has a ttl of its own (1), length of the key (16), kinds (8), high bits of the deadline (8) |
//! | 2 | low half: where the next newer entry lies; high half: the next older one |
//! | 3 | the entry's ttl in ms, if it has one of its own |
//! | … | the key's bytes, then the value's |
//!
//! So an entry costs 24 bytes here, and what rounding to whole words takes.

use super::arena::{MAX_BLOCK, MIN_BLOCK};

/// The longest key, in bytes.
pub const MAX_KEY: usize = u16::MAX as usize;
/// The longest value, in bytes.
pub const MAX_VALUE: usize = (1 << 31) - 1;

const OWN_TTL: u64 = 1 << 31;
/// Words before the key, without the ttl.
const HEADER: usize = 3;

/// A key: its kind (see [`key_kind`]) and its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key<'a> {
    /// One of [`key_kind`].
    pub kind: u8,
    /// At most [`MAX_KEY`] bytes.
    pub bytes: &'a [u8],
}

/// A value: its kind, which only the codecs understand (6 bits), and its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value<'a> {
    /// Less than 64.
    pub kind: u8,
    /// At most [`MAX_VALUE`] bytes.
    pub bytes: &'a [u8],
}

/// The kinds of keys. A string of only Latin-1 characters is always of the first kind, so that it has one form.
pub mod key_kind {
    /// A string, one byte a character.
    pub const LATIN1: u8 = 0;
    /// Bytes.
    pub const BYTES: u8 = 1;
    /// An integer, 8 bytes, little-endian.
    pub const INTEGER: u8 = 2;
    /// A string, UTF-16, little-endian.
    pub const UTF16: u8 = 3;
}

/// When an entry ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Expiry {
    /// The deadline in the clock's milliseconds; 0 is never.
    pub at: u64,
    /// The ttl in milliseconds if it is not the store's own.
    pub own_ttl: Option<u64>,
}

/// The words that an entry takes, or `None` if it is larger than a block can be.
pub fn words_for(key: usize, value: usize, own_ttl: bool) -> Option<u32> {
    if key > MAX_KEY || value > MAX_VALUE {
        return None;
    }
    let words = HEADER + usize::from(own_ttl) + (key + value).div_ceil(8);
    u32::try_from(words).ok().map(|words| words.max(MIN_BLOCK)).filter(|&words| words <= MAX_BLOCK)
}

/// Writes an entry into a used block that is large enough for it. Its neighbours stay as they are.
pub fn write(words: &mut [u64], at: u32, key: Key<'_>, value: Value<'_>, expiry: Expiry) {
    let at = at as usize;
    write_deadline(words, at as u32, 0);
    words[at + 1] = value.bytes.len() as u64
        | (key.bytes.len() as u64) << 32
        | u64::from(key.kind & 3 | value.kind << 2) << 48
        | if expiry.own_ttl.is_some() { OWN_TTL } else { 0 };
    if let Some(ttl) = expiry.own_ttl {
        words[at + HEADER] = ttl;
    }
    write_deadline(words, at as u32, expiry.at);
    let start = (at + HEADER + usize::from(expiry.own_ttl.is_some())) * 8;
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(words);
    let middle = start + key.bytes.len();
    bytes[start..middle].copy_from_slice(key.bytes);
    bytes[middle..middle + value.bytes.len()].copy_from_slice(value.bytes);
}

/// Sets the deadline of an entry; 0 is never.
pub fn write_deadline(words: &mut [u64], at: u32, deadline: u64) {
    let at = at as usize;
    words[at] = words[at] & 0xffff_ffff | deadline << 32;
    words[at + 1] = words[at + 1] & !(0xff << 56) | (deadline >> 32) << 56;
}

/// The next newer entry; 0 is none.
#[inline]
pub fn newer(words: &[u64], at: u32) -> u32 {
    words[at as usize + 2] as u32
}

/// The next older entry; 0 is none.
#[inline]
pub fn older(words: &[u64], at: u32) -> u32 {
    (words[at as usize + 2] >> 32) as u32
}

/// Sets the next newer entry.
#[inline]
pub fn set_newer(words: &mut [u64], at: u32, newer: u32) {
    let word = &mut words[at as usize + 2];
    *word = *word & !0xffff_ffff | u64::from(newer);
}

/// Sets the next older entry.
#[inline]
pub fn set_older(words: &mut [u64], at: u32, older: u32) {
    let word = &mut words[at as usize + 2];
    *word = *word & 0xffff_ffff | u64::from(older) << 32;
}

/// The deadline of an entry; 0 is never.
#[inline]
pub fn deadline(words: &[u64], at: u32) -> u64 {
    words[at as usize] >> 32 | words[at as usize + 1] >> 56 << 32
}

fn own_ttl_words(word1: u64) -> usize {
    usize::from(word1 & OWN_TTL != 0)
}

/// The ttl of an entry, if it has one of its own.
pub fn own_ttl(words: &[u64], at: u32) -> Option<u64> {
    (words[at as usize + 1] & OWN_TTL != 0).then(|| words[at as usize + HEADER])
}

/// Sets the ttl of an entry that has one of its own.
pub fn write_own_ttl(words: &mut [u64], at: u32, ttl: u64) {
    if words[at as usize + 1] & OWN_TTL != 0 {
        words[at as usize + HEADER] = ttl;
    }
}

/// The key of the entry at `at`.
#[inline]
pub fn key(words: &[u64], at: u32) -> Key<'_> {
    let word1 = words[at as usize + 1];
    let start = (at as usize + HEADER + own_ttl_words(word1)) * 8;
    let len = (word1 >> 32) as u16 as usize;
    Key { kind: (word1 >> 48) as u8 & 3, bytes: &bytemuck::cast_slice(words)[start..start + len] }
}

/// The value of the entry at `at`.
#[inline]
pub fn value(words: &[u64], at: u32) -> Value<'_> {
    let word1 = words[at as usize + 1];
    let start = (at as usize + HEADER + own_ttl_words(word1)) * 8 + (word1 >> 32) as u16 as usize;
    let len = (word1 & 0x7fff_ffff) as usize;
    Value { kind: (word1 >> 50) as u8 & 63, bytes: &bytemuck::cast_slice(words)[start..start + len] }
}

/// Replaces a value by another of the same length.
pub fn overwrite_value(words: &mut [u64], at: u32, new: &[u8]) {
    let len = value(words, at).bytes.len();
    let word1 = words[at as usize + 1];
    let start = (at as usize + HEADER + own_ttl_words(word1)) * 8 + (word1 >> 32) as u16 as usize;
    if len == new.len() {
        bytemuck::cast_slice_mut(words)[start..start + len].copy_from_slice(new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut words = vec![0_u64; 64];
        words[3] = 0x1234_5678;
        for own_ttl in [None, Some(u64::MAX >> 20)] {
            for at in [0, 1, u64::from(u32::MAX), super::super::clock::MAX_TIME] {
                let (k, v) = (Key { kind: 3, bytes: b"kk" }, Value { kind: 57, bytes: &[7; 21] });
                write(&mut words, 3, k, v, Expiry { at, own_ttl });
                assert_eq!((key(&words, 3), value(&words, 3)), (k, v));
                assert_eq!((deadline(&words, 3), super::own_ttl(&words, 3)), (at, own_ttl));
                assert_eq!(words[3] & 0xffff_ffff, 0x1234_5678);
            }
        }
        assert_eq!(words_for(0, 0, false), Some(MIN_BLOCK));
        assert_eq!(words_for(8, 1, true), Some(6));
        assert_eq!(words_for(MAX_KEY + 1, 0, false), None);
    }
}
