//! What MySQL and MariaDB have to have.

use switchback_engines::{Flavor, Table};

use super::{Asking, CheckError, End, Grade, UNKNOWN, cells, named, number, quoted, rights};
use crate::accounts::grants::{At, Grants};

/// A setting of the server, and what it has to be for a log that can be followed.
struct Setting {
    name: &'static str,
    wanted: &'static str,
    why: &'static str,
}

const LOG: &[Setting] = &[
    Setting { name: "log_bin", wanted: "ON", why: "changes are read from the binary log" },
    Setting { name: "binlog_format", wanted: "ROW", why: "a statement says nothing of the rows that it changed" },
    Setting { name: "binlog_row_image", wanted: "FULL", why: "a change has to show the whole row before and after it" },
    Setting {
        name: "binlog_row_metadata",
        wanted: "FULL",
        why: "columns are told by their names, and text by its character set",
    },
];
const LOG_OF_MYSQL: &[Setting] = &[
    Setting { name: "gtid_mode", wanted: "ON", why: "a place in the log is a set of GTIDs" },
    Setting { name: "enforce_gtid_consistency", wanted: "ON", why: "gtid_mode needs it" },
    Setting {
        name: "binlog_row_value_options",
        wanted: "",
        why: "a JSON value that is logged in part is no value of its own",
    },
];

/// `(table_schema, table_name)` of these tables.
fn pairs(tables: &[Table]) -> String {
    let pair = |table: &Table| {
        format!("({}, {})", quoted(table.name.schema.as_deref().unwrap_or_default()), quoted(&table.name.name))
    };
    tables.iter().map(pair).collect::<Vec<_>>().join(", ")
}

/// Names that a question about these tables gives, in a first column.
async fn names(a: &Asking<'_, '_>, item: &'static str, question: &str) -> Result<Vec<String>, CheckError> {
    if a.checked.tables.is_empty() {
        return Ok(Vec::new());
    }
    let question = question.replace("{tables}", &pairs(a.checked.tables));
    Ok(a.ask(item, &question).await?.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect())
}

pub(super) async fn as_origin(a: &mut Asking<'_, '_>) -> Result<(), CheckError> {
    let flavor = a.checked.endpoint.info().flavor;
    let own = if flavor == Flavor::Original { LOG_OF_MYSQL } else { &[] };
    for setting in LOG.iter().chain(own) {
        let found = a.row(setting.name, &format!("SELECT @@GLOBAL.{}", setting.name)).await?;
        let found = match found.first().map(String::as_str).unwrap_or_default() {
            "1" => "ON",
            "0" => "OFF",
            other => other,
        };
        let holds = found.eq_ignore_ascii_case(setting.wanted);
        let remedy = format!(
            "set {} = {} in the server's configuration, and for sessions that are open",
            setting.name,
            if setting.wanted.is_empty() { "''" } else { setting.wanted }
        );
        let found = format!("{} is `{found}`", setting.name);
        a.judge(setting.name, holds, Grade::Fail, found, setting.why, &remedy);
    }
    server_id(a).await?;
    retention(a, flavor).await?;
    xa_transactions(a).await?;
    filters(a).await?;
    relayed(a, flavor).await?;
    engines(a).await?;
    if logs_no_cascades(a, flavor).await? {
        let cascading = names(
            a,
            "cascades",
            "SELECT DISTINCT CONCAT(constraint_schema, '.', table_name) FROM information_schema.referential_constraints \
             WHERE (constraint_schema, table_name) IN ({tables}) \
             AND (delete_rule NOT IN ('NO ACTION', 'RESTRICT') OR update_rule NOT IN ('NO ACTION', 'RESTRICT')) ORDER BY 1",
        )
        .await?;
        a.judge(
            "cascades",
            cascading.is_empty(),
            Grade::Fail,
            named(&cascading),
            "what a foreign key cascades is not in the log",
            "replace the foreign key by one with NO ACTION, and delete and update the children in the application",
        );
    }
    rights::origin_of_mysql(a).await
}

async fn xa_transactions(a: &mut Asking<'_, '_>) -> Result<(), CheckError> {
    let prepared = a.ask_if_may("xa_transactions", "XA RECOVER").await?.map(|rows| rows.len());
    a.judge(
        "xa_transactions",
        prepared == Some(0),
        if prepared.is_some() { Grade::Fail } else { Grade::Warn },
        prepared.map_or(UNKNOWN.to_owned(), |prepared| format!("{prepared} prepared")),
        "their rows are in the log before the place at which a stream begins, and their commit behind it",
        "XA COMMIT or XA ROLLBACK each that XA RECOVER shows",
    );
    Ok(())
}

/// Databases that are kept out of the log.
async fn filters(a: &mut Asking<'_, '_>) -> Result<(), CheckError> {
    const ITEM: &str = "binlog_filters";
    // The new name first, as of MySQL 8.2.
    let mut status = a.ask_if_may(ITEM, "SHOW BINARY LOG STATUS").await?;
    if status.is_none() {
        status = a.ask_if_may(ITEM, "SHOW MASTER STATUS").await?;
    }
    let (grade, found) = match status.map(|rows| rows.into_iter().next()) {
        None => (Grade::Warn, UNKNOWN.to_owned()),
        // Without a log, which is another item.
        Some(None) => (Grade::Pass, "none".to_owned()),
        Some(Some(row)) => {
            let list = |at: usize| -> Vec<String> {
                let text = row.get(at).cloned().flatten().unwrap_or_default();
                text.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
            };
            let (only, without) = (list(2), list(3));
            let is_out = |schema: &&str| {
                let is_in = |list: &[String]| list.iter().any(|name| name == schema);
                (!only.is_empty() && !is_in(&only)) || is_in(&without)
            };
            let schemas = a.checked.tables.iter().filter_map(|table| table.name.schema.as_deref()).filter(is_out);
            let mut out: Vec<String> = schemas.map(str::to_owned).collect();
            out.dedup();
            (if out.is_empty() { Grade::Pass } else { Grade::Fail }, named(&out))
        }
    };
    let why = "what is done in a database that binlog_do_db or binlog_ignore_db leaves out is not in the log";
    a.add(ITEM, grade, found, why, "take the database out of these options, and restart the server");
    Ok(())
}

/// What a replica does for its source is in its own log only when it is told so.
async fn relayed(a: &mut Asking<'_, '_>, flavor: Flavor) -> Result<(), CheckError> {
    const ITEM: &str = "log_replica_updates";
    let (setting, status) = match flavor {
        Flavor::Original => ("SHOW GLOBAL VARIABLES LIKE 'log_replica_updates'", "SHOW REPLICA STATUS"),
        Flavor::MariaDb => ("SHOW GLOBAL VARIABLES LIKE 'log_slave_updates'", "SHOW ALL SLAVES STATUS"),
    };
    let row = a.row(ITEM, setting).await?;
    let logs = row.get(1).is_some_and(|value| value == "ON");
    let (grade, found) = if logs {
        (Grade::Pass, "ON".to_owned())
    } else {
        match a.ask_if_may(ITEM, status).await? {
            Some(rows) if rows.is_empty() => (Grade::Pass, "OFF, and the server is no replica".to_owned()),
            Some(_) => (Grade::Fail, "OFF, and the server is a replica".to_owned()),
            None => (Grade::Warn, "OFF, and whether the server is a replica is not shown to the account".to_owned()),
        }
    };
    let why = "what a replica does for its own source would not be in its log";
    a.add(ITEM, grade, found, why, "set it ON and restart the server, or move from the source of that replica");
    Ok(())
}

async fn server_id(a: &mut Asking<'_, '_>) -> Result<(), CheckError> {
    let found = a.row("server_id", "SELECT @@GLOBAL.server_id").await?.into_iter().next().unwrap_or_default();
    a.judge(
        "server_id",
        found != "0",
        Grade::Fail,
        format!("server_id is {found}"),
        "a server without a number sends its log to nobody",
        "SET GLOBAL server_id to a number that no other server of the group has",
    );
    Ok(())
}

/// How long the server keeps its log. Zero is for ever.
async fn retention(a: &mut Asking<'_, '_>, flavor: Flavor) -> Result<(), CheckError> {
    // MariaDB has had the name since 10.6, with the days of the other one in it.
    let row = a.row("log_retention", "SELECT @@GLOBAL.binlog_expire_logs_seconds").await?;
    let seconds = row.first().map_or(0, |seconds| number(seconds));
    let hours = u64::try_from(seconds).unwrap_or(0) / 3600;
    let _ = flavor;
    a.judge(
        "log_retention",
        seconds == 0 || hours >= a.options.retention_hours,
        Grade::Warn,
        if seconds == 0 { "kept until it is purged".to_owned() } else { format!("{hours} hours") },
        "a stream that stands still for longer than the log is kept has to begin again with a load",
        "SET GLOBAL binlog_expire_logs_seconds to more",
    );
    Ok(())
}

async fn engines(a: &mut Asking<'_, '_>) -> Result<(), CheckError> {
    let others = names(
        a,
        "storage_engines",
        "SELECT CONCAT(table_schema, '.', table_name, ' (', engine, ')') FROM information_schema.tables \
         WHERE (table_schema, table_name) IN ({tables}) AND engine <> 'InnoDB' ORDER BY 1",
    )
    .await?;
    a.judge(
        "storage_engines",
        others.is_empty(),
        Grade::Fail,
        named(&others),
        "without transactions there is neither a state of several tables nor a change that is made once",
        "ALTER TABLE … ENGINE = InnoDB, or leave the table out",
    );
    Ok(())
}

/// MySQL logs what a foreign key cascades since 9.6, see `innodb_native_foreign_keys`.
async fn logs_no_cascades(a: &Asking<'_, '_>, flavor: Flavor) -> Result<bool, CheckError> {
    if flavor == Flavor::MariaDb {
        return Ok(true);
    }
    let found = a.ask("cascades", "SHOW GLOBAL VARIABLES LIKE 'innodb_native_foreign_keys'").await?;
    let native = found.into_iter().next().and_then(|row| row.into_iter().nth(1).flatten());
    Ok(native.is_none_or(|native| native != "OFF"))
}

/// Whether the server takes writes: of everybody, or of this account.
async fn writable(a: &mut Asking<'_, '_>) -> Result<(), CheckError> {
    const ITEM: &str = "writable_server";
    let flavor = a.checked.endpoint.info().flavor;
    let (question, passes) = match flavor {
        Flavor::Original => ("SELECT @@GLOBAL.read_only, @@GLOBAL.super_read_only", "CONNECTION_ADMIN"),
        Flavor::MariaDb => ("SELECT @@GLOBAL.read_only, 0", "READ_ONLY ADMIN"),
    };
    let row = a.row(ITEM, question).await?;
    let [read_only, super_read_only] = cells(&row);
    let grants = Grants::read(a.checked.endpoint).await.map_err(|error| a.failed(ITEM, error))?;
    // It lets those pass who have the right to.
    let may = read_only == "0" || (super_read_only == "0" && grants.holds(&[passes, "SUPER"], &At::Server));
    let found = match (read_only, may) {
        ("0", _) => "read_only is OFF",
        (_, true) => "read_only is ON, and lets the account pass",
        (_, false) => "read_only is ON",
    };
    a.judge(ITEM, may, Grade::Fail, found, "changes are written to it", "SET GLOBAL read_only = OFF");
    Ok(())
}

/// Functions and triggers are made by who is trusted with the log.
async fn function_creators(a: &mut Asking<'_, '_>) -> Result<(), CheckError> {
    const ITEM: &str = "function_creators";
    let row = a.row(ITEM, "SELECT @@GLOBAL.log_bin, @@GLOBAL.log_bin_trust_function_creators").await?;
    let [logs, trusts] = cells(&row);
    let grants = Grants::read(a.checked.endpoint).await.map_err(|error| a.failed(ITEM, error))?;
    let may = logs == "0" || trusts == "1" || grants.holds(&["SUPER"], &At::Server);
    a.judge(
        ITEM,
        may,
        Grade::Warn,
        format!("log_bin_trust_function_creators is {trusts}"),
        "functions and triggers can't be created by an account without SUPER while the server keeps a log",
        "SET GLOBAL log_bin_trust_function_creators = ON until the cutover is done",
    );
    Ok(())
}

pub(super) async fn as_sink(a: &mut Asking<'_, '_>) -> Result<(), CheckError> {
    writable(a).await?;
    rights::sink_of_mysql(a).await?;
    if a.end == End::Target && a.options.structure {
        function_creators(a).await?;
    }
    let row = a
        .row(
            "durability",
            "SELECT @@GLOBAL.innodb_flush_log_at_trx_commit, @@GLOBAL.sync_binlog, \
             @@GLOBAL.max_allowed_packet, @@GLOBAL.local_infile",
        )
        .await?;
    let [flush, sync, packet, infile] = cells(&row);
    a.judge(
        "durability",
        flush == "1" && sync == "1",
        Grade::Warn,
        format!("innodb_flush_log_at_trx_commit is {flush}, sync_binlog is {sync}"),
        "what the source was told is safe could be lost with the machine",
        "SET GLOBAL innodb_flush_log_at_trx_commit = 1, sync_binlog = 1",
    );
    const PACKET_BYTES: i64 = 4 << 20;
    a.judge(
        "max_allowed_packet",
        number(packet) >= PACKET_BYTES,
        Grade::Fail,
        format!("{packet} bytes"),
        "a row has to fit into one",
        "SET GLOBAL max_allowed_packet = 67108864",
    );
    a.judge(
        "local_infile",
        infile == "1",
        Grade::Warn,
        format!("local_infile is {infile}"),
        "without it a load goes in by statements of several rows, which is slower",
        "SET GLOBAL local_infile = ON for the time of the load",
    );
    engines(a).await?;
    let triggers = names(
        a,
        "triggers",
        "SELECT CONCAT(trigger_schema, '.', trigger_name) FROM information_schema.triggers \
         WHERE (event_object_schema, event_object_table) IN ({tables}) ORDER BY 1",
    )
    .await?;
    a.judge(
        "triggers",
        triggers.is_empty(),
        Grade::Fail,
        named(&triggers),
        "the server can't switch triggers off for a session, and they would act on what is applied",
        "drop them, and create them at the cutover",
    );
    Ok(())
}
