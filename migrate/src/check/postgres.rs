//! What PostgreSQL has to have.

use switchback_engines::Table;

use super::{Asking, CheckError, Grade, cells, named, number, quoted, rights};

const TABLES: &str =
    "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace";

/// `c` is one of these tables, or a partition of one.
fn of(tables: &[Table]) -> String {
    let names = tables.iter().map(|table| {
        let (schema, name) = (table.name.schema.as_deref().unwrap_or_default(), table.name.name.as_str());
        format!("({}, {})", quoted(schema), quoted(name))
    });
    let names = names.collect::<Vec<_>>().join(", ");
    if names.is_empty() {
        return "false".to_owned();
    }
    // Joined and not looked for in each row: there may be thousands of both.
    format!(
        "c.oid IN (SELECT p.relid FROM (VALUES {names}) v (schema_name, table_name) \
         JOIN pg_namespace rn ON rn.nspname = v.schema_name \
         JOIN pg_class r ON r.relname = v.table_name AND r.relnamespace = rn.oid \
         CROSS JOIN LATERAL (SELECT r.oid UNION SELECT relid FROM pg_partition_tree(r.oid)) p (relid))"
    )
}

async fn tables_where(a: &Asking<'_, '_>, item: &'static str, condition: &str) -> Result<Vec<String>, CheckError> {
    let question = format!("{TABLES} WHERE {} AND {condition} ORDER BY 1", of(a.checked.tables));
    Ok(a.ask(item, &question).await?.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect())
}

pub(super) async fn as_origin(a: &mut Asking<'_, '_>) -> Result<(), CheckError> {
    let row = a
        .row(
            "wal_level",
            "SELECT current_setting('wal_level'), \
             (current_setting('max_replication_slots')::int8 - (SELECT count(*) FROM pg_replication_slots))::text, \
             (current_setting('max_wal_senders')::int8 - (SELECT count(*) FROM pg_stat_get_wal_senders()))::text, \
             pg_is_in_recovery()::text, \
             current_setting('max_slot_wal_keep_size'), \
             (SELECT rolreplication OR rolsuper FROM pg_roles WHERE rolname = current_user)::text, \
             (SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database())::text",
        )
        .await?;
    let [level, slots, senders, standby, keep, replicates, prepared] = cells(&row);
    a.judge(
        "wal_level",
        level == "logical",
        Grade::Fail,
        level,
        "only then does the log say what happened to which row",
        "ALTER SYSTEM SET wal_level = 'logical' and restart the server",
    );
    // One for the stream, and one while a load takes its snapshot.
    a.judge(
        "replication_slots",
        number(slots) >= 2,
        Grade::Fail,
        format!("{slots} free"),
        "a stream takes a slot, and a load another while it takes its snapshot",
        "ALTER SYSTEM SET max_replication_slots to more, and restart the server",
    );
    a.judge(
        "wal_senders",
        number(senders) >= 2,
        Grade::Fail,
        format!("{senders} free"),
        "a stream takes a WAL sender, and a load another while it takes its snapshot",
        "ALTER SYSTEM SET max_wal_senders to more, and restart the server",
    );
    a.judge(
        "primary_server",
        standby == "false",
        Grade::Fail,
        if standby == "true" { "a standby" } else { "a primary" },
        "a publication and our own tables are made there",
        "use the URL of its primary",
    );
    a.judge(
        "slot_limit",
        keep == "-1",
        Grade::Warn,
        format!("max_slot_wal_keep_size is {keep}"),
        "beyond it the server gives the slot up, and the stream can't go on",
        "ALTER SYSTEM SET max_slot_wal_keep_size = -1, or give the stream a budget of its own below it",
    );
    a.judge(
        "replication_right",
        replicates == "true",
        Grade::Fail,
        if replicates == "true" { "the account may replicate" } else { "the account may not replicate" },
        "the log is read over a replication connection",
        "ALTER ROLE … REPLICATION (or the right that a managed service has for it)",
    );
    a.judge(
        "prepared_transactions",
        prepared == "0",
        Grade::Fail,
        format!("{prepared} prepared transactions"),
        "a slot is made once all transactions have ended that are open now",
        "COMMIT PREPARED or ROLLBACK PREPARED each that pg_prepared_xacts shows",
    );
    long_transactions(a).await?;
    let unlogged = tables_where(a, "unlogged_tables", "c.relpersistence <> 'p'").await?;
    a.judge(
        "unlogged_tables",
        unlogged.is_empty(),
        Grade::Fail,
        named(&unlogged),
        "the log has nothing of them",
        "ALTER TABLE … SET LOGGED, or leave the table out",
    );
    let foreign = tables_where(a, "foreign_partitions", "c.relkind = 'f'").await?;
    a.judge(
        "foreign_partitions",
        foreign.is_empty(),
        Grade::Fail,
        named(&foreign),
        "what is written there is not in this server's log",
        "detach the partition, or leave the table out",
    );
    let not_owned = tables_where(a, "ownership", "NOT pg_has_role(c.relowner, 'USAGE')").await?;
    a.judge(
        "ownership",
        not_owned.is_empty(),
        Grade::Fail,
        named(&not_owned),
        "only an owner may publish a table, and say by what its rows are told apart",
        "GRANT the owner's role TO the account",
    );
    let keyless = tables_where(
        a,
        "identity",
        "c.relkind IN ('r', 'p') AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)",
    )
    .await?;
    a.judge(
        "identity",
        keyless.is_empty(),
        Grade::Warn,
        named(&keyless),
        "a table without a primary key gets REPLICA IDENTITY FULL: its updates log the whole row, and are slower to apply",
        "give the table a primary key",
    );
    Ok(())
}

/// How old others' transactions are is shown to who may read statistics; how many of
/// them have written anything, to everybody.
async fn long_transactions(a: &mut Asking<'_, '_>) -> Result<(), CheckError> {
    let row = a
        .row(
            "long_transactions",
            "SELECT (pg_has_role('pg_read_all_stats', 'USAGE'))::text, \
             (SELECT count(*) FROM pg_stat_activity WHERE xact_start < now() - interval '5 min' \
                 AND backend_type = 'client backend')::text, \
             (SELECT count(*) FROM pg_locks WHERE locktype = 'transactionid' AND granted AND mode = 'ExclusiveLock' \
                 AND pid <> pg_backend_pid())::text",
        )
        .await?;
    let [seen, long, writing] = cells(&row);
    let found = if seen == "true" {
        format!("{long} transactions are older than five minutes")
    } else if writing == "0" {
        "no transaction has written anything that is not committed".to_owned()
    } else {
        format!("{writing} transactions have written something, and for how long they are open is not shown")
    };
    a.judge(
        "long_transactions",
        if seen == "true" { long == "0" } else { writing == "0" },
        Grade::Warn,
        found,
        "a slot is made once all transactions have ended that are open now",
        "end them, or wait for them (GRANT pg_read_all_stats shows which they are)",
    );
    Ok(())
}

pub(super) async fn as_sink(a: &mut Asking<'_, '_>) -> Result<(), CheckError> {
    let standby = a.row("writable_server", "SELECT pg_is_in_recovery()::text").await?;
    let [standby] = cells(&standby);
    a.judge(
        "writable_server",
        standby == "false",
        Grade::Fail,
        if standby == "true" { "a standby" } else { "a primary" },
        "changes are written to it",
        "use the URL of its primary",
    );
    rights::sink_of_postgres(a).await?;
    let deferrable = tables_where(
        a,
        "deferrable_keys",
        "EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype IN ('u', 'p', 'x') AND k.condeferrable)",
    )
    .await?;
    a.judge(
        "deferrable_keys",
        deferrable.is_empty(),
        Grade::Fail,
        named(&deferrable),
        "a deferrable key is checked by a trigger, which is off in the session that applies: a duplicate would be let in",
        "make the constraint NOT DEFERRABLE, or leave the table out",
    );
    let firing = tables_where(
        a,
        "triggers_always",
        "EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled IN ('A', 'R'))",
    )
    .await?;
    a.judge(
        "triggers_always",
        firing.is_empty(),
        Grade::Fail,
        named(&firing),
        "a trigger that fires ALWAYS or for replicas does so for every change that is applied",
        "ALTER TABLE … ENABLE TRIGGER … (for origins only), until the cutover",
    );
    Ok(())
}
