//! Heap snapshots of V8: read as a stream, compared, searched for what holds memory.
//!
//! A `.heapsnapshot` is one JSON text: a description of its own format, then a flat array of numbers for all nodes, one for
//! all edges, and the strings that they name. Node ids are stable between snapshots of one process, so a collection that
//! grows can be followed.
//!
//! - [`lexer`] and [`reader`]: bytes in any chunks to a [`graph::Graph`]. Nothing in the text is believed.
//! - [`classes`]: how many objects of each class there are.
//! - [`collections`]: which nodes are collections, and how many entries they have.
//! - [`history`]: what only grew, look by look.
//! - [`retained`]: dominators, and what each node keeps alive.
//! - [`holders`]: the name and the place of whatever holds a node.
//! - [`report`]: all of it together, as JSON for the façade.

mod build;
pub mod classes;
pub mod collections;
mod costs;
pub mod graph;
pub mod history;
pub mod holders;
pub mod json;
pub mod lexer;
pub mod names;
pub mod reader;
pub mod report;
pub mod retained;
