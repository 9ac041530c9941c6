//! The pool by itself: pools over a depot and the depot against models, how spans are cut, what becomes of
//! memory in single cases, and many threads.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

#[path = "../common/cases.rs"]
mod cases;
mod chunks;
mod depot;
mod model;
mod rules;
mod threads;
