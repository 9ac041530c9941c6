//! What is read of the process, its container and its machine; the thread that takes them.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

#[path = "../common/cases.rs"]
mod cases;
mod clocks;
mod sampler;
#[cfg(unix)]
mod system;
mod text;
mod tree;
mod trees;
