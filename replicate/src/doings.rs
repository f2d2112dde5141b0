//! What the sink's tables would do by themselves.
//!
//! A trigger that runs for an applied row does again what the origin's log has as
//! changes of their own, or changes the row behind our back. Where the sink's
//! session can't switch such things off, the table is refused: when the stream is
//! armed, and each time that it starts.

use switchback_engines::Writer;
use switchback_engines::sql;

use crate::error::{Error, Result};
use crate::plan::Plan;

/// # Errors
/// [`Error::Plan`] for the first table that does something.
pub(crate) async fn refuse(writer: &mut dyn Writer, plan: &Plan) -> Result<()> {
    let queries: Vec<String> = plan.tables.iter().map(|mapped| sql::doings(mapped.engine, &mapped.sink.name)).collect();
    let listed = writer.run(&queries).await.map_err(|failed| failed.error)?;
    for (mapped, outcome) in plan.tables.iter().zip(listed) {
        let doings: Vec<String> = outcome.rows.into_iter().flatten().flatten().collect();
        if !doings.is_empty() {
            return Err(Error::Plan {
                table: mapped.sink.name.to_string(),
                why: format!("the sink has {}, which would act on rows that are applied", doings.join(", ")),
                hint: "drop or disable it in the sink until the stream has ended: what it does at the origin is \
                       streamed; a deferrable key has to be one that is not",
            });
        }
    }
    Ok(())
}
