//! What only grew, look by look.

use std::collections::HashMap;

use super::collections::{Collection, Views};

/// From when on growth is of interest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// Collections with fewer entries are not followed.
    pub floor: u32,
    /// How many entries it must have gained.
    pub entries: u32,
    /// And how many for one of the first.
    pub share: f64,
    /// In how many looks it must have been larger than in the one before.
    pub rises: u32,
    /// How many bytes the memory of its views must have gained.
    pub view_bytes: u64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { floor: 32, entries: 100, share: 0.1, rises: 2, view_bytes: 1 << 20 }
    }
}

/// A number that was looked at several times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Course {
    /// When it was first seen, or last fell.
    pub from: u64,
    /// Now.
    pub to: u64,
    /// How many looks there were from then to now, that one included.
    pub looks: u32,
    /// In how many of them it was larger than in the one before.
    pub rises: u32,
    /// By how much in the last look.
    pub last_rise: u64,
}

impl Course {
    fn new(value: u64) -> Self {
        Self { from: value, to: value, looks: 1, rises: 0, last_rise: 0 }
    }

    fn see(&mut self, value: u64) {
        if value < self.to {
            *self = Self::new(value);
            return;
        }
        self.looks += 1;
        self.last_rise = value - self.to;
        self.rises += u32::from(value > self.to);
        self.to = value;
    }

    /// What it gained.
    pub fn gain(&self) -> u64 {
        self.to - self.from
    }

    /// Whether it still grows: what is being filled levels off. By at least 0.4 of what it gained in a rise on average.
    fn goes_on(&self) -> bool {
        self.last_rise as f64 * f64::from(self.rises) >= 0.4 * self.gain() as f64
    }

    fn is_growth(&self, rises: u32, gain: u64, share: f64, stepwise: bool) -> bool {
        self.rises >= rises
            && self.gain() >= gain
            && self.gain() as f64 >= share * self.from as f64
            && (stepwise || self.goes_on())
    }
}

/// A collection over several looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Track {
    /// Its entries.
    pub entries: Course,
    /// The bytes of the memory of its views.
    pub view_bytes: Course,
    /// In how many of the last looks, without a gap, the memory of its views was large.
    pub large: u32,
    look: u32,
}

/// Why a collection is of interest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grower {
    /// The collection.
    pub collection: Collection,
    /// Its views.
    pub views: Views,
    /// What it did so far.
    pub track: Track,
    /// Its entries grow.
    pub entries: bool,
    /// The memory of its views grows.
    pub memory: bool,
    /// The memory of its views has been large for as many looks as a growth needs.
    pub large: bool,
}

/// Collections of a process by their ids.
#[derive(Debug, Default)]
pub struct History {
    tracks: HashMap<u32, Track>,
    looks: u32,
    marks: Vec<u32>,
}

/// More are not followed: the largest are.
const MOST_TRACKS: usize = 200_000;

impl History {
    /// How many looks there were.
    pub fn looks(&self) -> u32 {
        self.looks
    }

    /// To be called before each look with the ids of objects that live as long as the history. V8 numbers all objects anew
    /// when an inspector's session ends: if none of these has the number it had, no other has, and all is forgotten.
    pub fn mark(&mut self, marks: Vec<u32>) {
        if !self.marks.is_empty() && !marks.is_empty() && !marks.iter().any(|id| self.marks.contains(id)) {
            self.tracks.clear();
        }
        self.marks = marks;
    }

    /// Notes the collections of one look: `(id, collection, views)`. Answers with those that only grew, and with those that
    /// keep hold of much memory.
    pub fn look(&mut self, mut seen: Vec<(u32, Collection, Views)>, thresholds: &Thresholds) -> Vec<Grower> {
        self.looks += 1;
        if seen.len() > MOST_TRACKS {
            seen.sort_unstable_by_key(|entry| std::cmp::Reverse(entry.1.entries));
            seen.truncate(MOST_TRACKS);
        }
        let look = self.looks;
        let mut growers = Vec::new();
        for (id, collection, views) in seen {
            let entries = u64::from(collection.entries);
            let track = self.tracks.entry(id).or_insert_with(|| Track {
                entries: Course::new(entries),
                view_bytes: Course::new(views.bytes),
                large: 0,
                look: 0,
            });
            if track.look != 0 {
                track.entries.see(entries);
                track.view_bytes.see(views.bytes);
            }
            let t = thresholds;
            track.large = if views.bytes >= t.view_bytes.max(1) { track.large + 1 } else { 0 };
            track.look = look;
            let growth = track.entries.is_growth(t.rises, u64::from(t.entries), t.share, collection.estimated);
            let memory = track.view_bytes.is_growth(t.rises, t.view_bytes.max(1), t.share, false);
            let large = track.large > t.rises;
            if growth || memory || large {
                growers.push(Grower { collection, views, track: *track, entries: growth, memory, large });
            }
        }
        // Who is not seen has gone, or is small again.
        self.tracks.retain(|_, track| track.look == look);
        self.tracks.shrink_to(self.tracks.len() * 2);
        growers.sort_by_key(|grower| std::cmp::Reverse((grower.track.entries.gain(), grower.views.bytes)));
        growers
    }
}
