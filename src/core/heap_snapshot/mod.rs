//! Heap snapshots of V8: read as a stream, compared, searched for what holds memory.
