//! What of the sample no stream can follow, by name and before a row is moved.

use crate::harness::end::On;
use crate::moving::refused;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_in_the_log_is_named() {
    let said = refused(On::Postgres).await;
    assert!(said.contains("`public.scratch` is unlogged"), "{said}");
    let said = refused(On::MariaDb).await;
    assert!(
        said.contains("CASCADE or SET NULL") && said.contains("`came_by` of") && said.contains(".customer`"),
        "{said}"
    );
}
