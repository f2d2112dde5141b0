//! What a SQLite file has to have.

use super::{Asking, CheckError, Grade, cells, named, quoted};

async fn journal(a: &mut Asking<'_, '_>) -> Result<(), CheckError> {
    let row = a.row("journal_mode", "PRAGMA journal_mode").await?;
    let [mode] = cells(&row);
    a.judge(
        "journal_mode",
        mode == "wal",
        Grade::Warn,
        mode,
        "without a write-ahead log whoever reads keeps writers out, for as long as a load takes",
        "PRAGMA journal_mode = WAL",
    );
    Ok(())
}

pub(super) async fn as_origin(a: &mut Asking<'_, '_>) -> Result<(), CheckError> {
    journal(a).await?;
    // Of what can't be read at all, the check itself is an error.
    let said: Vec<String> = match a.ask_if_may("integrity", "PRAGMA quick_check(5)").await? {
        Some(broken) => broken.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect(),
        None => vec!["the file cannot be read".to_owned()],
    };
    a.judge(
        "integrity",
        said == ["ok"],
        Grade::Fail,
        named(&said),
        "what can't be read can't be moved",
        "recover the file (sqlite3 FILE .recover), or take it from a backup",
    );
    Ok(())
}

pub(super) async fn as_sink(a: &mut Asking<'_, '_>) -> Result<(), CheckError> {
    journal(a).await?;
    let tables: Vec<String> = a.checked.tables.iter().map(|table| quoted(&table.name.name)).collect();
    let question = format!(
        "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND name NOT LIKE '\\_switchback\\_%' ESCAPE '\\' \
         AND tbl_name IN ({}) ORDER BY 1",
        tables.join(", ")
    );
    let rows = a.ask("triggers", &question).await?;
    let triggers: Vec<String> = rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect();
    a.judge(
        "triggers",
        triggers.is_empty(),
        Grade::Fail,
        named(&triggers),
        "triggers can't be switched off for a session, and they would act on what is applied",
        "drop them, and create them at the cutover",
    );
    Ok(())
}
