//! Whether a series of measurements grows, by how much, and how sure that is.
