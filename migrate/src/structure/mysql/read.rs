//! The definitions of a database, in its server's words.

use switchback_engines::{Endpoint, Engine, Flavor, own};

use super::{Ends, name};
use crate::structure::error::{Result, StructureError};

#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) tables: Vec<Definition>,
    /// MariaDB's.
    pub(super) sequences: Vec<Definition>,
    pub(super) views: Vec<Definition>,
    pub(super) functions: Vec<Definition>,
    pub(super) procedures: Vec<Definition>,
    /// In the order in which they fire.
    pub(super) triggers: Vec<Definition>,
    pub(super) events: Vec<Definition>,
    /// Objects that are listed and whose definition the account is not shown.
    pub(super) hidden: Vec<(&'static str, String)>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Definition {
    pub(super) name: String,
    pub(super) sql: String,
    /// Of what has a body: how it was meant to be read.
    pub(super) sql_mode: Option<String>,
    pub(super) time_zone: Option<String>,
    pub(super) charset: Option<String>,
    pub(super) collation: Option<String>,
    /// A trigger's.
    pub(super) table: Option<String>,
}

/// What SHOW CREATE calls an object, where its definition is in the answer, and
/// whether it has a body.
struct Shape {
    what: &'static str,
    sql: usize,
    has_body: bool,
}

const TABLE: Shape = Shape { what: "TABLE", sql: 1, has_body: false };
const SEQUENCE: Shape = Shape { what: "SEQUENCE", sql: 1, has_body: false };
const VIEW: Shape = Shape { what: "VIEW", sql: 1, has_body: false };
const FUNCTION: Shape = Shape { what: "FUNCTION", sql: 2, has_body: true };
const PROCEDURE: Shape = Shape { what: "PROCEDURE", sql: 2, has_body: true };
const TRIGGER: Shape = Shape { what: "TRIGGER", sql: 2, has_body: true };
const EVENT: Shape = Shape { what: "EVENT", sql: 3, has_body: true };

pub(super) async fn read(source: &dyn Endpoint, ends: &Ends<'_>) -> Result<Read> {
    let mut read = Read::default();
    let tables = "SELECT TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES \
                  WHERE TABLE_SCHEMA = DATABASE() ORDER BY TABLE_NAME";
    for row in ask(source, tables).await? {
        let [Some(object), Some(kind)] = row.as_slice() else { continue };
        let is_own = own::is_own(Engine::MySql, &ends.source(object));
        match kind.as_str() {
            "BASE TABLE" | "SYSTEM VERSIONED" if !is_own && ends.is_chosen(object) => {
                let found = show(source, &TABLE, object, &mut read.hidden).await?;
                read.tables.extend(found);
            }
            "SEQUENCE" => {
                let found = show(source, &SEQUENCE, object, &mut read.hidden).await?;
                read.sequences.extend(found);
            }
            "VIEW" => {
                let found = show(source, &VIEW, object, &mut read.hidden).await?;
                read.views.extend(found);
            }
            _ => {}
        }
    }
    let routines = "SELECT ROUTINE_NAME, ROUTINE_TYPE FROM information_schema.ROUTINES \
                    WHERE ROUTINE_SCHEMA = DATABASE() ORDER BY ROUTINE_NAME";
    for row in ask(source, routines).await? {
        let [Some(object), Some(kind)] = row.as_slice() else { continue };
        match kind.as_str() {
            "FUNCTION" => read.functions.extend(show(source, &FUNCTION, object, &mut read.hidden).await?),
            "PROCEDURE" => read.procedures.extend(show(source, &PROCEDURE, object, &mut read.hidden).await?),
            _ => read.hidden.push(("package", object.clone())),
        }
    }
    let triggers = "SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS \
                    WHERE TRIGGER_SCHEMA = DATABASE() \
                    ORDER BY EVENT_OBJECT_TABLE, EVENT_MANIPULATION, ACTION_TIMING, ACTION_ORDER";
    for row in ask(source, triggers).await? {
        let [Some(object), Some(table)] = row.as_slice() else { continue };
        if ends.is_chosen(table) {
            let found = show(source, &TRIGGER, object, &mut read.hidden).await?;
            read.triggers.extend(found.map(|d| Definition { table: Some(table.clone()), ..d }));
        }
    }
    let events = "SELECT EVENT_NAME FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE() ORDER BY EVENT_NAME";
    for row in ask(source, events).await? {
        if let [Some(object)] = row.as_slice() {
            read.events.extend(show(source, &EVENT, object, &mut read.hidden).await?);
        }
    }
    if ends.from == Flavor::MariaDb && ends.to == Flavor::Original {
        read.hidden.extend(read.sequences.drain(..).map(|s| ("sequence", s.name)));
    }
    Ok(read)
}

async fn ask(source: &dyn Endpoint, question: &str) -> Result<Vec<switchback_engines::TextRow>> {
    source.look("listing what there is", question).await.map_err(StructureError::Source)
}

/// `None` where the server shows the object without its definition, since the
/// account may not see that.
async fn show(
    source: &dyn Endpoint,
    shape: &Shape,
    object: &str,
    hidden: &mut Vec<(&'static str, String)>,
) -> Result<Option<Definition>> {
    let what = format!("reading `{object}`");
    let statement = format!("SHOW CREATE {} {}", shape.what, name(object));
    let rows = source.look(&what, &statement).await.map_err(StructureError::Source)?;
    let row = rows.into_iter().next().unwrap_or_default();
    let cell = |at: usize| row.get(at).cloned().flatten();
    let Some(sql) = cell(shape.sql) else {
        hidden.push((shape.what, object.to_owned()));
        return Ok(None);
    };
    let is_event = shape.what == EVENT.what;
    Ok(Some(Definition {
        name: object.to_owned(),
        sql,
        sql_mode: shape.has_body.then(|| cell(1)).flatten(),
        time_zone: is_event.then(|| cell(2)).flatten(),
        charset: cell(shape.sql + 1),
        collation: cell(shape.sql + 2),
        table: None,
    }))
}
