//! What an account may do, by the list that accounts are made from.
//!
//! Whether a grant comes from the account itself, a role or everybody is the
//! catalog's business.

use switchback_engines::{Flavor, TableRef, own};

use super::{Asking, CheckError, Direction, End, Grade, cells, named, number, quoted};
use crate::accounts::Part;
use crate::accounts::grants::Grants;
use crate::accounts::mysql::missing;
use crate::accounts::rights::On;

const GRANT: &str = "GRANT it TO the account, or have one made: docs/accounts.md has all rights";

/// A MySQL or MariaDB account, and what it is asked about.
struct Holder {
    grants: Grants,
    flavor: Flavor,
    database: String,
    tables: Vec<TableRef>,
}

impl Holder {
    async fn read(a: &Asking<'_, '_>, item: &'static str) -> Result<Self, CheckError> {
        let grants = Grants::read(a.checked.endpoint).await.map_err(|error| a.failed(item, error))?;
        let database = a.row(item, "SELECT DATABASE()").await?.into_iter().next().unwrap_or_default();
        let tables = a.checked.tables.iter().map(|table| table.name.clone()).collect();
        Ok(Self { grants, flavor: a.checked.endpoint.info().flavor, database, tables })
    }

    fn judge(
        &self,
        a: &mut Asking<'_, '_>,
        item: &'static str,
        parts: &[Part],
        why: &'static str,
        on: impl Fn(&On) -> bool,
    ) {
        let lacking = missing(&self.grants, (self.flavor, &self.database), parts, &self.tables, on);
        let found = if lacking.is_empty() { "granted".to_owned() } else { format!("missing: {}", named(&lacking)) };
        // Without it MySQL can't tell the place of a snapshot; elsewhere there is one
        // reader instead of several.
        let is_slower = parts == [Part::Snapshot] && (self.flavor == Flavor::MariaDb || !a.options.follow);
        let otherwise = if is_slower { Grade::Warn } else { Grade::Fail };
        a.judge(item, lacking.is_empty(), otherwise, found, why, GRANT);
    }
}

fn is_own(on: &On) -> bool {
    matches!(on, On::Own(_))
}

pub(super) async fn reader_of_mysql(a: &mut Asking<'_, '_>) -> Result<(), CheckError> {
    let holder = Holder::read(a, "read_rights").await?;
    holder.judge(a, "read_rights", &[Part::Read], "rows are read, and found by their keys", |on| *on == On::Tables);
    let why = "several readers see one state, and its place in the log is known";
    holder.judge(a, "snapshot_rights", &[Part::Snapshot], why, |on| *on == On::Server);
    let keeps: &[Part] = if a.options.follow { &[Part::Keep, Part::Capture] } else { &[Part::Keep] };
    holder.judge(a, "own_rights", keeps, "our own tables are made at both ends", is_own);
    if a.options.structure {
        let why = "what the account is not shown is missing at the target";
        holder.judge(a, "structure_rights", &[Part::Describe], why, |_| true);
    }
    Ok(())
}

pub(super) async fn origin_of_mysql(a: &mut Asking<'_, '_>) -> Result<(), CheckError> {
    let holder = Holder::read(a, "log_rights").await?;
    holder.judge(a, "log_rights", &[Part::Capture], "the binary log is read as a replica reads it", |on| {
        *on == On::Server
    });
    if a.direction == Direction::Back {
        let why = "a table has to be described, to understand its log";
        // Where the structure is created, all of the database may be read.
        holder.judge(a, "read_rights", &[Part::Capture], why, |on| *on == On::Tables);
        holder.judge(a, "own_rights", &[Part::Keep, Part::Capture], "our own tables are made at both ends", is_own);
    }
    Ok(())
}

pub(super) async fn sink_of_mysql(a: &mut Asking<'_, '_>) -> Result<(), CheckError> {
    let holder = Holder::read(a, "write_rights").await?;
    let why = "rows are looked for, inserted, updated and deleted, and triggers looked for";
    holder.judge(a, "write_rights", &[Part::Apply], why, |on| *on == On::Tables);
    let keeps: &[Part] = match a.end {
        End::Source => &[Part::Apply],
        End::Target => &[Part::Keep, Part::Apply, Part::Load],
    };
    holder.judge(a, "own_rights", keeps, "how far a load and a stream are is written at their sink", is_own);
    if a.end == End::Target && a.options.structure {
        holder.judge(a, "structure_rights", &[Part::Create], "the structure is created", |_| true);
    }
    Ok(())
}

/// Tables of this end in PostgreSQL, as a condition on `c` and `n`.
fn chosen(a: &Asking<'_, '_>) -> String {
    let name = |table: &TableRef| {
        format!("({}, {})", quoted(table.schema.as_deref().unwrap_or_default()), quoted(&table.name))
    };
    let names: Vec<String> = a.checked.tables.iter().map(|table| name(&table.name)).collect();
    if names.is_empty() {
        return "false".to_owned();
    }
    // Joined and not looked for in each row: there may be thousands of both.
    format!(
        "c.oid IN (SELECT r.oid FROM (VALUES {}) v (schema_name, table_name) \
         JOIN pg_namespace rn ON rn.nspname = v.schema_name \
         JOIN pg_class r ON r.relname = v.table_name AND r.relnamespace = rn.oid)",
        names.join(", ")
    )
}

/// Relations for which `lacks` holds, of those that `which` chooses; in this order, as a
/// question about another kind of relation is an error.
async fn lacking(a: &Asking<'_, '_>, item: &'static str, which: &str, lacks: &str) -> Result<Vec<String>, CheckError> {
    let question = format!(
        "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE CASE WHEN {which} THEN {lacks} ELSE false END ORDER BY 1"
    );
    Ok(a.ask(item, &question).await?.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect())
}

const NO_USAGE: &str = "NOT has_schema_privilege(n.oid, 'USAGE')";
const SEQUENCES: &str =
    "c.relkind = 'S' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'switchback'";

pub(super) async fn reader_of_postgres(a: &mut Asking<'_, '_>) -> Result<(), CheckError> {
    keeper_of_postgres(a).await?;
    let tables = chosen(a);
    let denied =
        lacking(a, "read_rights", &tables, &format!("{NO_USAGE} OR NOT has_table_privilege(c.oid, 'SELECT')")).await?;
    let why = "rows are read, and found by their keys";
    a.judge("read_rights", denied.is_empty(), Grade::Fail, named(&denied), why, GRANT);
    row_security(a, &tables).await?;
    let denied = lacking(a, "sequence_rights", SEQUENCES, "NOT has_sequence_privilege(c.oid, 'SELECT')").await?;
    a.judge(
        "sequence_rights",
        denied.is_empty(),
        Grade::Fail,
        named(&denied),
        "where a sequence stands is read",
        GRANT,
    );
    if a.options.structure {
        let all = format!(
            "c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', {})",
            quoted(own::SCHEMA)
        );
        let lacks = format!("{NO_USAGE} OR NOT has_table_privilege(c.oid, 'SELECT')");
        let denied = lacking(a, "structure_rights", &all, &lacks).await?;
        let why = "pg_dump locks every table against changes while it reads the structure";
        a.judge("structure_rights", denied.is_empty(), Grade::Fail, named(&denied), why, GRANT);
    }
    Ok(())
}

pub(super) async fn sink_of_postgres(a: &mut Asking<'_, '_>) -> Result<(), CheckError> {
    keeper_of_postgres(a).await?;
    let tables = chosen(a);
    // Of a partitioned table its partitions need none: they are written to by it.
    let lacks = ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE"]
        .map(|right| format!("NOT has_table_privilege(c.oid, '{right}')"))
        .join(" OR ");
    let denied = lacking(a, "write_rights", &tables, &format!("{NO_USAGE} OR {lacks}")).await?;
    a.judge(
        "write_rights",
        denied.is_empty(),
        Grade::Fail,
        named(&denied),
        "rows are looked for, inserted, updated and deleted, and tables emptied",
        "GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON the tables TO the account",
    );
    if a.end == End::Target {
        row_security(a, &tables).await?;
    }
    let denied = lacking(a, "sequence_rights", SEQUENCES, "NOT has_sequence_privilege(c.oid, 'UPDATE')").await?;
    let why = "a sequence is set to where the other end's stands";
    a.judge("sequence_rights", denied.is_empty(), Grade::Fail, named(&denied), why, GRANT);
    if a.end == End::Target && a.options.structure {
        let schemas: Vec<String> = a.schemas.iter().map(|schema| quoted(schema)).collect();
        let question = format!(
            "SELECT nspname::text FROM pg_namespace WHERE nspname IN ({}) AND NOT (has_schema_privilege(oid, 'USAGE') \
             AND has_schema_privilege(oid, 'CREATE')) ORDER BY 1",
            if schemas.is_empty() { "''".to_owned() } else { schemas.join(", ") }
        );
        let rows = a.ask("structure_rights", &question).await?;
        let denied: Vec<String> = rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect();
        let why = "tables and what belongs to them are created in these schemas";
        a.judge(
            "structure_rights",
            denied.is_empty(),
            Grade::Fail,
            named(&denied),
            why,
            "GRANT USAGE, CREATE ON SCHEMA … TO the account",
        );
    }
    Ok(())
}

/// Rows that a policy hides would be missing; the server refuses to read them.
async fn row_security(a: &mut Asking<'_, '_>, tables: &str) -> Result<(), CheckError> {
    let hidden = lacking(a, "row_security", tables, "row_security_active(c.oid)").await?;
    a.judge(
        "row_security",
        hidden.is_empty(),
        Grade::Fail,
        named(&hidden),
        "rows that a policy hides from the account would be missing at the other end",
        "ALTER ROLE … BYPASSRLS",
    );
    Ok(())
}

/// Our own tables are kept at either end, in sessions that write.
async fn keeper_of_postgres(a: &mut Asking<'_, '_>) -> Result<(), CheckError> {
    let row = a
        .row(
            "triggers_off",
            "SELECT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)::text, \
             current_setting('server_version_num'), has_database_privilege(current_database(), 'CREATE')::text",
        )
        .await?;
    let [superuser, version, creates] = cells(&row);
    let may = if superuser == "true" {
        true
    } else if number(version) >= 150_000 {
        let granted = "SELECT has_parameter_privilege('session_replication_role', 'SET')::text";
        a.row("triggers_off", granted).await?.first().is_some_and(|granted| granted == "true")
    } else {
        false
    };
    a.judge(
        "triggers_off",
        may,
        Grade::Fail,
        if may { "the account may" } else { "the account may not" },
        "triggers, cascades and foreign keys are switched off in the sessions that write (session_replication_role)",
        "GRANT SET ON PARAMETER session_replication_role TO the account (PostgreSQL 15 and later), or use a superuser",
    );
    a.judge(
        "create_right",
        creates == "true",
        Grade::Fail,
        if creates == "true" { "the account may create a schema" } else { "the account may not create a schema" },
        "our own tables are in a schema `switchback`",
        "GRANT CREATE ON DATABASE … TO the account",
    );
    let foreign = own_of_others(a).await?;
    a.judge(
        "own_rights",
        foreign.is_empty(),
        Grade::Fail,
        named(&foreign),
        "our own tables are there, and belong to another account",
        "GRANT their owner's role TO the account, or DROP SCHEMA switchback CASCADE when no move needs it",
    );
    Ok(())
}

async fn own_of_others(a: &Asking<'_, '_>) -> Result<Vec<String>, CheckError> {
    let schema = quoted(own::SCHEMA);
    let question = format!(
        "SELECT nspname::text FROM pg_namespace WHERE nspname = {schema} \
             AND NOT (has_schema_privilege(oid, 'USAGE') AND has_schema_privilege(oid, 'CREATE')) \
         UNION ALL SELECT nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = {schema} AND c.relkind = 'r' AND NOT pg_has_role(c.relowner, 'USAGE') ORDER BY 1"
    );
    Ok(a.ask("own_rights", &question).await?.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect())
}
