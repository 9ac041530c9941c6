//! Trends: the algorithms against naive ones, and how often the verdicts err.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

#[path = "../common/cases.rs"]
mod cases;
mod model;
mod random;
mod rates;
mod rules;
mod series;
