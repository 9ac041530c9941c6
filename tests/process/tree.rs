//! File systems that are made up.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use heapwise::core::process::reader::Reader;
use heapwise::core::process::{Column, Sample};

/// A directory that is removed when it is dropped.
pub struct Tree(PathBuf);

impl Tree {
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("heapwise-tree-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let root = std::env::temp_dir().join(name);
        fs::create_dir_all(&root).unwrap();
        Self(root)
    }

    pub fn of(files: &[(&str, &str)]) -> Self {
        let tree = Self::new();
        files.iter().for_each(|(path, content)| tree.write(path, content));
        tree
    }

    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub fn remove(&self, path: &str) {
        fs::remove_file(self.0.join(path)).unwrap();
    }

    pub fn remove_directory(&self, path: &str) {
        fs::remove_dir(self.0.join(path)).unwrap();
    }

    pub fn root(&self) -> &Path {
        &self.0
    }

    pub fn reader(&self) -> Reader {
        Reader::below(&self.0)
    }

    pub fn sample(&self) -> Sample {
        self.reader().fresh()
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The columns, `None` where nothing is known.
pub fn known<const N: usize>(sample: &Sample, columns: [Column; N]) -> [Option<f64>; N] {
    columns.map(|column| Some(sample[column]).filter(|value| !value.is_nan()))
}
