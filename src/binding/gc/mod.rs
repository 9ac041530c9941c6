//! The callbacks of `gc`.

mod trend;

use napi::bindgen_prelude::*;

use super::raw::Exports;

/// Exports the callbacks.
pub fn register(exports: &Exports) -> Result<()> {
    trend::register(exports)
}
