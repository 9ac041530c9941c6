//! How many random cases a test takes, and what becomes of one that fails.

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

/// `cases` random cases. A failing one is printed, and its seed kept in a file next to the test, which the next run
/// tries first. `PROPTEST_CASES` and `PROPTEST_RNG_SEED` override.
pub fn config(cases: u32) -> ProptestConfig {
    let ours = ProptestConfig::default();
    ProptestConfig {
        cases: if std::env::var_os("PROPTEST_CASES").is_some() { ours.cases } else { cases },
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ours
    }
}
