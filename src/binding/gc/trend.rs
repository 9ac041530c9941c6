//! The callbacks of `trend`.

use napi::bindgen_prelude::*;

use super::super::raw::Exports;

/// Exports the callbacks.
pub fn register(_exports: &Exports) -> Result<()> {
    Ok(())
}
