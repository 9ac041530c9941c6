//! What the kernel's files say. Any bytes will do: what is not understood is `None`, or `NaN`.
//!
//! The kernel ends every line. A line without an end has been cut off, and a number in it may be half of one: it counts as
//! not there.

/// The lines that are whole, without their ends.
pub fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split_inclusive(|&byte| byte == b'\n').filter_map(|line| line.strip_suffix(b"\n"))
}

/// A number in decimal digits, and nothing else but blanks around it. `None` if it does not fit.
pub fn number(bytes: &[u8]) -> Option<u64> {
    let digits = bytes.trim_ascii();
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |sum, &byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

/// The number that is all of a file. Of a limit, `None` is that there is none: `max`.
pub fn only_number(bytes: &[u8]) -> Option<u64> {
    lines(bytes).next().and_then(number)
}

/// The number after `key` and a blank, of `memory.stat` and the like.
pub fn keyed(bytes: &[u8], key: &[u8]) -> Option<u64> {
    lines(bytes).find_map(|line| line.strip_prefix(key)?.strip_prefix(b" ")).and_then(number)
}

/// The part of `/proc/self/status` that is about memory, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the columns")]
pub struct Status {
    pub rss: Option<u64>,
    pub anon: Option<u64>,
    pub file: Option<u64>,
    pub shmem: Option<u64>,
    pub swap: Option<u64>,
    pub peak_rss: Option<u64>,
    pub virtual_size: Option<u64>,
    pub threads: Option<u64>,
}

fn kilobytes(value: &[u8]) -> Option<u64> {
    number(value.trim_ascii().strip_suffix(b"kB")?)?.checked_mul(1024)
}

fn name_and_value(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    Some((&line[..colon], &line[colon + 1..]))
}

impl Status {
    /// Reads it.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut status = Self::default();
        for (name, value) in lines(bytes).filter_map(name_and_value) {
            match name {
                b"VmSize" => status.virtual_size = kilobytes(value),
                b"VmHWM" => status.peak_rss = kilobytes(value),
                b"VmRSS" => status.rss = kilobytes(value),
                b"RssAnon" => status.anon = kilobytes(value),
                b"RssFile" => status.file = kilobytes(value),
                b"RssShmem" => status.shmem = kilobytes(value),
                b"VmSwap" => status.swap = kilobytes(value),
                b"Threads" => {
                    status.threads = number(value);
                    // Memory comes before it, and much that is of no use after.
                    break;
                }
                _ => (),
            }
        }
        status
    }
}

/// `MemTotal` and `MemAvailable` of `/proc/meminfo`, in bytes.
pub fn host_memory(bytes: &[u8]) -> (Option<u64>, Option<u64>) {
    let value = |wanted: &[u8]| {
        let mut pairs = lines(bytes).filter_map(name_and_value);
        pairs.find(|(name, _)| *name == wanted).and_then(|(_, value)| kilobytes(value))
    };
    (value(b"MemTotal"), value(b"MemAvailable"))
}

/// A file of pressure stall information: per cent of the last 10, 60 and 300 seconds, and microseconds in all.
#[derive(Debug, Clone, Copy)]
pub struct Pressure {
    /// Some waited.
    pub some: [f64; 4],
    /// All waited.
    pub full: [f64; 4],
}

impl Default for Pressure {
    fn default() -> Self {
        Self { some: [f64::NAN; 4], full: [f64::NAN; 4] }
    }
}

fn decimal(text: &[u8]) -> Option<f64> {
    // The parser of the standard library also takes `inf`, `nan` and exponents.
    let plain = !text.is_empty() && text.iter().all(|&byte| byte.is_ascii_digit() || byte == b'.');
    let value: f64 = plain.then(|| std::str::from_utf8(text).ok()?.parse().ok())??;
    value.is_finite().then_some(value)
}

impl Pressure {
    /// Reads it.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut pressure = Self::default();
        for line in lines(bytes) {
            let mut words = line.split(|&byte| byte == b' ');
            let numbers = match words.next() {
                Some(b"some") => &mut pressure.some,
                Some(b"full") => &mut pressure.full,
                _ => continue,
            };
            for word in words {
                for (name, number) in [&b"avg10="[..], b"avg60=", b"avg300=", b"total="].iter().zip(&mut *numbers) {
                    if let Some(value) = word.strip_prefix(*name).and_then(decimal) {
                        *number = value;
                    }
                }
            }
        }
        pressure
    }
}

/// Where a process is, by its `/proc/PID/cgroup`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Membership {
    /// In the one tree of version 2.
    pub unified: Option<String>,
    /// In the tree of version 1 that has the controller `memory`.
    pub memory: Option<String>,
}

impl Membership {
    /// Reads it.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut membership = Self::default();
        for line in lines(bytes).filter_map(|line| std::str::from_utf8(line).ok()) {
            // A path may have colons in it.
            let mut parts = line.splitn(3, ':');
            let (Some(id), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
                continue;
            };
            if id == "0" && controllers.is_empty() {
                membership.unified = Some(path.to_owned());
            } else if controllers.split(',').any(|name| name == "memory") {
                membership.memory = Some(path.to_owned());
            }
        }
        membership
    }
}

/// Where a tree of cgroups is mounted, and which part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The cgroup that is seen at `point`.
    pub root: String,
    /// A directory.
    pub point: String,
}

/// The mounts of both versions, by `/proc/self/mountinfo`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mounts {
    /// Of version 2.
    pub unified: Option<Mount>,
    /// Of version 1, with the controller `memory`.
    pub memory: Option<Mount>,
}

/// Blanks and the like are written as a backslash and three octal digits.
fn unescape(field: &[u8]) -> Option<String> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, after)) = rest.split_first() {
        let octal = (byte == b'\\').then(|| after.get(..3)).flatten();
        let code = octal.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        plain.push(code.unwrap_or(byte));
        rest = if code.is_some() { &after[3..] } else { after };
    }
    String::from_utf8(plain).ok()
}

impl Mounts {
    /// Reads it. What is mounted last over a directory is what is seen there, but the first is what tools mean: a tree that
    /// is mounted twice is the same tree.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut mounts = Self::default();
        for line in lines(bytes) {
            let mut fields = line.split(|&byte| byte == b' ');
            let (Some(root), Some(point)) = (fields.nth(3), fields.next()) else { continue };
            // A variable number of fields, and a dash.
            let mut fields = fields.skip_while(|field| *field != b"-").skip(1);
            let Some(kind) = fields.next() else { continue };
            let slot = match kind {
                b"cgroup2" => &mut mounts.unified,
                b"cgroup" => {
                    let options = fields.nth(1).unwrap_or_default();
                    if !options.split(|&byte| byte == b',').any(|option| option == b"memory") {
                        continue;
                    }
                    &mut mounts.memory
                }
                _ => continue,
            };
            if slot.is_none()
                && let (Some(root), Some(point)) = (unescape(root), unescape(point))
            {
                *slot = Some(Mount { root, point });
            }
        }
        mounts
    }
}

/// Nanoseconds on a CPU: the first number of `schedstat`.
pub fn schedstat(bytes: &[u8]) -> Option<u64> {
    number(lines(bytes).next()?.split(|&byte| byte == b' ').next()?)
}

/// Ticks on a CPU, in user mode and in the kernel together: two fields of `stat`. The name before them may hold anything.
pub fn stat_ticks(bytes: &[u8]) -> Option<u64> {
    let line = bytes.strip_suffix(b"\n")?;
    let end = line.iter().rposition(|&byte| byte == b')')?;
    // After the name come the fields from the third on; those wanted are the 14th and the 15th.
    let mut fields = line[end + 1..].trim_ascii().split(|&byte| byte == b' ').skip(11);
    number(fields.next()?)?.checked_add(number(fields.next()?)?)
}
