//! Secure runs: see below.
