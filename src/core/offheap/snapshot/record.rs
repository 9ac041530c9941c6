//! One entry: its bytes in a file, and the rules that make those bytes the only ones that mean it.

/// Added to the kind of a text whose bytes are UTF-16LE.
pub const WIDE: u8 = 32;

/// The longest key, in bytes.
pub const MAX_KEY_BYTES: usize = u16::MAX as usize;

/// The longest value, in bytes: what 48 bits can say.
pub const MAX_VALUE_BYTES: u64 = (1 << 48) - 1;

/// Bytes of the shortest record: an empty key, an empty value, no expiry.
pub(super) const MIN_RECORD_BYTES: usize = 10;

/// Bytes of the longest record.
pub(super) const MAX_RECORD_BYTES: u64 = MIN_RECORD_BYTES as u64 + 16 + MAX_KEY_BYTES as u64 + MAX_VALUE_BYTES;

// The first byte of a record: the key's kind in the two low bits, then what follows. The rest is zero.
const KEY_KIND: u8 = 3;
const HAS_EXPIRY: u8 = 4;
const HAS_TTL: u8 = 8;

/// The largest integer that JavaScript counts to exactly, 2^53 - 1.
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// One entry of a store. What it borrows is the caller's when writing, the decoder's when reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// 0 latin1 text, 1 bytes, 2 integer (`i64`, little-endian), 3 UTF-16LE text.
    pub key_kind: u8,
    /// 0 string, 1 number, 2 boolean, 3 null, 4 bigint, 5 JSON, 6 a custom codec's text, 8 to 22 binary data of a
    /// JavaScript type, 23 to 25 a codec's bytes; plus [`WIDE`] for 0, 5 and 6.
    pub value_kind: u8,
    /// The key's bytes.
    pub key: &'a [u8],
    /// The value's bytes.
    pub value: &'a [u8],
    /// When the entry expires: Unix time in milliseconds. Any number, so compare it and do not add to it.
    pub expires_at: Option<u64>,
    /// The entry's time to live in milliseconds, if it is not the header's `default_ttl`. Any number, like `expires_at`.
    pub ttl: Option<u64>,
}

impl<'a> Record<'a> {
    /// Checks all that a store relies on: that the kinds exist, that the bytes are as long as the kinds want, that each
    /// key and each value has one form only (text is UTF-16 only if latin1 cannot hold it), and the bounds on lengths.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong.
    pub fn check(&self) -> Result<(), &'static str> {
        check_key(self.key_kind, self.key)?;
        check_value(self.value_kind, self.value)
    }

    /// Bytes that [`write`](Self::write) appends.
    pub(super) fn encoded_len(&self) -> usize {
        let times = usize::from(self.expires_at.is_some()) + usize::from(self.ttl.is_some());
        MIN_RECORD_BYTES + times * 8 + self.key.len() + self.value.len()
    }

    /// Appends a record that was checked and for which there is room.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let mut flags = self.key_kind;
        if self.expires_at.is_some() {
            flags |= HAS_EXPIRY;
        }
        if self.ttl.is_some() {
            flags |= HAS_TTL;
        }
        out.extend_from_slice(&[flags, self.value_kind]);
        out.extend_from_slice(&((self.value.len() as u64) << 16 | self.key.len() as u64).to_le_bytes());
        for time in [self.expires_at, self.ttl].into_iter().flatten() {
            out.extend_from_slice(&time.to_le_bytes());
        }
        out.extend_from_slice(self.key);
        out.extend_from_slice(self.value);
    }

    /// Takes a record off the front of `input`, and checks it.
    pub(super) fn parse(input: &mut &'a [u8]) -> Result<Self, &'static str> {
        let [flags, value_kind] = *take_array::<2>(input)?;
        if flags & !(KEY_KIND | HAS_EXPIRY | HAS_TTL) != 0 {
            return Err("a record has unknown flags");
        }
        let lengths = take_u64(input)?;
        let expires_at = if flags & HAS_EXPIRY != 0 { Some(take_u64(input)?) } else { None };
        let ttl = if flags & HAS_TTL != 0 { Some(take_u64(input)?) } else { None };
        let key = take(input, lengths & 0xffff)?;
        let value = take(input, lengths >> 16)?;
        let record = Self { key_kind: flags & KEY_KIND, value_kind, key, value, expires_at, ttl };
        record.check()?;
        Ok(record)
    }
}

/// What a record that ends too early is told.
const CUT: &str = "a record is longer than its block";

fn take<'a>(input: &mut &'a [u8], length: u64) -> Result<&'a [u8], &'static str> {
    let length = usize::try_from(length).map_err(|_| CUT)?;
    let (front, rest) = input.split_at_checked(length).ok_or(CUT)?;
    *input = rest;
    Ok(front)
}

fn take_array<'a, const N: usize>(input: &mut &'a [u8]) -> Result<&'a [u8; N], &'static str> {
    let (front, rest) = input.split_first_chunk().ok_or(CUT)?;
    *input = rest;
    Ok(front)
}

fn take_u64(input: &mut &[u8]) -> Result<u64, &'static str> {
    Ok(u64::from_le_bytes(*take_array(input)?))
}

fn check_key(kind: u8, bytes: &[u8]) -> Result<(), &'static str> {
    if bytes.len() > MAX_KEY_BYTES {
        return Err("a key is longer than 65,535 bytes");
    }
    match kind {
        0 | 1 => Ok(()),
        2 => match bytes.try_into().map(i64::from_le_bytes) {
            Ok(number) if number.unsigned_abs() <= MAX_SAFE_INTEGER => Ok(()),
            Ok(_) => Err("an integer key is no safe integer"),
            Err(_) => Err("an integer key is not 8 bytes long"),
        },
        3 => check_wide(bytes),
        _ => Err("a key is of unknown kind"),
    }
}

fn check_value(kind: u8, bytes: &[u8]) -> Result<(), &'static str> {
    if bytes.len() as u64 > MAX_VALUE_BYTES {
        return Err("a value is longer than 2^48 - 1 bytes");
    }
    let fits = match kind {
        // Text as latin1; bytes of any length: Buffer, Uint8Array, Int8Array, Uint8ClampedArray, DataView, ArrayBuffer,
        // and what the codecs made.
        0 | 5 | 6 | 8..=11 | 21..=25 => true,
        1 => bytes.len() == 8,
        2 => matches!(bytes, [0 | 1]),
        3 => bytes.is_empty(),
        4 => return check_bigint(bytes),
        // Int16Array, Uint16Array, Float16Array.
        12 | 13 | 20 => bytes.len().is_multiple_of(2),
        // Int32Array, Uint32Array, Float32Array.
        14..=16 => bytes.len().is_multiple_of(4),
        // Float64Array, BigInt64Array, BigUint64Array.
        17..=19 => bytes.len().is_multiple_of(8),
        32 | 37 | 38 => return check_wide(bytes),
        _ => return Err("a value is of unknown kind"),
    };
    if fits { Ok(()) } else { Err("a value's length or content does not fit its kind") }
}

/// UTF-16LE text that latin1 cannot hold. Lone surrogates are fine: JavaScript has them.
fn check_wide(bytes: &[u8]) -> Result<(), &'static str> {
    let (units, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err("UTF-16 text has an odd number of bytes");
    }
    if !units.iter().any(|[_, high]| *high != 0) {
        return Err("UTF-16 text that should be latin1");
    }
    Ok(())
}

/// Hexadecimal digits, with no zero in front that is not the only one; a minus in front of what is not zero.
fn check_bigint(text: &[u8]) -> Result<(), &'static str> {
    let wrong = Err("a bigint is malformed");
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    if !digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
        return wrong;
    }
    match digits {
        [] => wrong,
        [b'0', ..] if text.len() > 1 => wrong,
        _ => Ok(()),
    }
}
