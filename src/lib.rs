//! heapwise: bounded memory for Node.js.
//!
//! The crate has two floors. [`core`] is pure Rust: the policies, written over plain integers, with no knowledge of
//! Node-API. `binding` is the glue: it converts what JavaScript passes and calls `core`; it holds no policy. Hot
//! paths stay in JavaScript (`lib/`); the two sides talk through typed arrays, which JavaScript owns and Rust borrows
//! for the length of one call.

pub mod core;

// Not in unit tests: there is no Node-API to bind to, and nothing would call what napi-derive registers.
#[cfg(all(feature = "binding", not(test)))]
mod binding;
