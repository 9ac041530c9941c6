//! Heap snapshots against naive references: the reader, dominators, retained sizes, collections, history, holders.

#![expect(clippy::unwrap_used, clippy::panic, reason = "in a test, a panic is the report")]

mod build;
#[path = "../common/cases.rs"]
mod cases;
mod collections;
mod holders;
mod hostile;
mod reader;
mod retained;
