//! Views, routines, triggers and events as steps.

use std::collections::HashSet;

use switchback_engines::{Engine, Flavor};

use super::flavor::{collations, database, renamed_in_query};
use super::read::{Definition, Read};
use super::{Ends, name};
use crate::structure::error::Result;
use crate::structure::options::Definer;
use crate::structure::plan::{Check, Kind, Object, Step, StructurePlan};
use crate::structure::spell;
use crate::structure::tokens::{Token, tokens};

/// Modes that MySQL no longer has, or never had.
const NOT_IN_MYSQL: [&str; 15] = [
    "NO_AUTO_CREATE_USER",
    "POSTGRESQL",
    "ORACLE",
    "MSSQL",
    "DB2",
    "MAXDB",
    "MYSQL323",
    "MYSQL40",
    "NO_KEY_OPTIONS",
    "NO_TABLE_OPTIONS",
    "NO_FIELD_OPTIONS",
    "IGNORE_BAD_TABLE_OPTIONS",
    "SIMULTANEOUS_ASSIGNMENT",
    "EMPTY_STRING_IS_NULL",
    "TIME_ROUND_FRACTIONAL",
];
const NOT_IN_MARIADB: [&str; 1] = ["TIME_TRUNCATE_FRACTIONAL"];

pub(super) fn add(ends: &Ends<'_>, read: &Read, plan: &mut StructurePlan) -> Result<()> {
    for (definitions, kind) in [(&read.functions, "FUNCTION"), (&read.procedures, "PROCEDURE")] {
        for routine in definitions {
            add_routine(ends, routine, kind, plan);
        }
    }
    for view in ordered(read, ends, plan) {
        add_view(ends, view, plan);
    }
    for trigger in &read.triggers {
        let object = Object::new(Kind::Trigger, &trigger.name);
        let sql = on_table(ends, trigger, &definer(ends, &object, &trigger.sql, plan));
        warn_of_names(ends, &object, trigger, plan);
        plan.warn(object.clone(), "it is created at the cutover, as it would fire for the applier's rows");
        let check = ends.there("TRIGGERS", "TRIGGER_SCHEMA", &[("TRIGGER_NAME", &trigger.name)]);
        let step = programmed(ends, object, trigger, sql, check, plan);
        plan.at_cutover.push(step);
    }
    for event in &read.events {
        let object = Object::new(Kind::Event, &event.name);
        let sql = disabled(&definer(ends, &object, &event.sql, plan));
        warn_of_names(ends, &object, event, plan);
        plan.warn(object.clone(), "it is created at the cutover, and disabled: enable it when the target is in use");
        let check = ends.there("EVENTS", "EVENT_SCHEMA", &[("EVENT_NAME", &event.name)]);
        let step = programmed(ends, object, event, sql, check, plan);
        plan.at_cutover.push(step);
    }
    Ok(())
}

fn add_routine(ends: &Ends<'_>, routine: &Definition, kind: &str, plan: &mut StructurePlan) {
    let object = Object::new(Kind::Function, &routine.name);
    let sql = definer(ends, &object, &routine.sql, plan);
    warn_of_names(ends, &object, routine, plan);
    let there = [("ROUTINE_NAME", routine.name.as_str()), ("ROUTINE_TYPE", kind)];
    let check = ends.there("ROUTINES", "ROUTINE_SCHEMA", &there);
    let step = programmed(ends, object.clone(), routine, sql, check, plan);
    plan.after_load.push(step);
    if ends.options.definer == Definer::Invoker {
        // Where it stands in the definition is not known without its grammar.
        let statement = format!("ALTER {kind} {} SQL SECURITY INVOKER", name(&routine.name));
        plan.after_load.push(Step::new(object, statement, Check::Repeatable));
    }
}

fn add_view(ends: &Ends<'_>, view: &Definition, plan: &mut StructurePlan) {
    let object = Object::new(Kind::View, &view.name);
    let sql = definer(ends, &object, &view.sql, plan);
    let sql = renamed_in_query(ends, &database(ends, &sql));
    let sql = if ends.differ() { collations(ends, &object, &sql, plan) } else { sql };
    let sql = match ends.options.definer {
        Definer::Invoker => sql.replacen(" SQL SECURITY DEFINER VIEW ", " SQL SECURITY INVOKER VIEW ", 1),
        Definer::Connecting | Definer::Keep => sql,
    };
    let check = ends.there("TABLES", "TABLE_SCHEMA", &[("TABLE_NAME", &view.name)]);
    let step = programmed(ends, object, view, sql, check, plan);
    plan.after_load.push(step);
}

/// The views, each after those that it reads from. One that reads what is not moved
/// stays behind.
fn ordered<'a>(read: &'a Read, ends: &Ends<'_>, plan: &mut StructurePlan) -> Vec<&'a Definition> {
    let names: HashSet<&str> = read.views.iter().map(|v| v.name.as_str()).collect();
    let moved: HashSet<&str> = read.tables.iter().map(|t| t.name.as_str()).collect();
    let mut rest: Vec<(&Definition, HashSet<String>)> = Vec::new();
    for view in &read.views {
        let used = used(ends, view);
        let missing = used.iter().find(|name| !names.contains(name.as_str()) && !moved.contains(name.as_str()));
        match missing.filter(|name| !ends.is_chosen(name)) {
            Some(missing) => {
                let what = format!("it needs `{missing}`, which is not moved, and stays behind");
                plan.warn(Object::new(Kind::View, &view.name), what);
            }
            None => {
                rest.push((view, used.into_iter().filter(|n| names.contains(n.as_str()) && *n != view.name).collect()))
            }
        }
    }
    let mut done: HashSet<&str> = HashSet::new();
    let mut all = Vec::new();
    loop {
        let (ready, later): (Vec<_>, Vec<_>) =
            rest.into_iter().partition(|(_, needs)| needs.iter().all(|n| done.contains(n.as_str())));
        if ready.is_empty() {
            // What they read stayed behind, as no server lets views need each other.
            for (view, _) in later {
                plan.warn(
                    Object::new(Kind::View, &view.name),
                    "it needs a view that stays behind, and stays behind too",
                );
            }
            return all;
        }
        done.extend(ready.iter().map(|(view, _)| view.name.as_str()));
        all.extend(ready.into_iter().map(|(view, _)| view));
        rest = later;
    }
}

/// What stands where a query names a table: behind FROM and JOIN, a comma or a
/// parenthesis, and not before a dot, which would make it a table's alias.
fn used(ends: &Ends<'_>, view: &Definition) -> HashSet<String> {
    let sql = database(ends, &view.sql);
    let all: Vec<Token<'_>> =
        tokens(Engine::MySql, &sql).into_iter().filter(|t| !matches!(t, Token::Space(_))).collect();
    let mut names = HashSet::new();
    let mut sources = false;
    for window in all.windows(3) {
        let [before, token, after] = window else { continue };
        if before.is_word("from") || before.is_word("join") {
            sources = true;
        } else if ["where", "group", "order", "having", "limit", "on", "select", "union"]
            .iter()
            .any(|w| before.is_word(w))
        {
            sources = false;
        }
        let begins = before.is_word("from") || before.is_word("join") || before.is("(") || before.is(",");
        if let (true, true, false, Some(name)) = (sources, begins, after.is("."), token.name()) {
            names.insert(name);
        }
    }
    names
}

/// A step with the settings under which the definition was made, and back.
fn programmed(
    ends: &Ends<'_>,
    object: Object,
    definition: &Definition,
    sql: String,
    check: String,
    plan: &mut StructurePlan,
) -> Step {
    let mut set = vec!["SET @switchback_mode = @@SESSION.sql_mode, @switchback_zone = @@SESSION.time_zone".to_owned()];
    if let Some(mode) = &definition.sql_mode {
        let lacks: &[&str] = match ends.to {
            Flavor::Original => &NOT_IN_MYSQL,
            Flavor::MariaDb => &NOT_IN_MARIADB,
        };
        let (gone, kept): (Vec<&str>, Vec<&str>) =
            mode.split(',').filter(|m| !m.is_empty()).partition(|m| ends.differ() && lacks.contains(m));
        if let Some(mode) = gone.iter().find(|m| **m != "NO_AUTO_CREATE_USER") {
            plan.warn(object.clone(), format!("it was made under the SQL mode {mode}, which the target lacks"));
        }
        set.push(format!("SET SESSION sql_mode = {}", spell::text(Engine::MySql, &kept.join(","))));
    }
    if let Some(zone) = &definition.time_zone {
        set.push(format!("SET SESSION time_zone = {}", spell::text(Engine::MySql, zone)));
    }
    if definition.charset.as_deref().is_some_and(|c| !c.starts_with("utf8")) {
        let what = "it was made by a client of another character set; its text is kept, that setting is not";
        plan.warn(object.clone(), what);
    } else if let Some(collation) = definition.collation.as_deref().and_then(|c| ends.collations.nearest(c)) {
        let charset = collation.split('_').next().unwrap_or("utf8mb4");
        set.push(format!("SET NAMES {charset} COLLATE {collation}"));
    }
    set.push(sql);
    set.push("SET NAMES utf8mb4".to_owned());
    set.push("SET SESSION sql_mode = @switchback_mode, time_zone = @switchback_zone".to_owned());
    Step { object, statements: set, check: Check::Query(check) }
}

/// Without the account that made it, unless it is to be kept.
fn definer(ends: &Ends<'_>, object: &Object, sql: &str, plan: &mut StructurePlan) -> String {
    if ends.options.definer == Definer::Keep {
        return sql.to_owned();
    }
    let all = tokens(Engine::MySql, sql);
    let Some(at) = all.iter().take(12).position(|t| t.is_word("DEFINER")) else { return sql.to_owned() };
    // `DEFINER=`user`@`host` ` up to the blank before the next word.
    let length = all[at..].iter().position(|t| matches!(t, Token::Space(_))).unwrap_or(0);
    let security = match (ends.options.definer, object.kind) {
        (Definer::Invoker, Kind::View | Kind::Function) => "whoever uses it",
        _ => "the account that creates it",
    };
    plan.warn(object.clone(), format!("its definer is another account on the target: it has the rights of {security}"));
    all[..at].iter().chain(&all[at + length + 1..]).map(|t| t.to_text()).collect()
}

/// The trigger's table by its name on the target.
fn on_table(ends: &Ends<'_>, trigger: &Definition, sql: &str) -> String {
    let table = trigger.table.as_deref().unwrap_or_default();
    let target = ends.target_name(table);
    let all = tokens(Engine::MySql, sql);
    let on = all.iter().position(|t| t.is_word("ON")).unwrap_or(0);
    let each = all[on..].iter().position(|t| t.is_word("FOR")).map_or(all.len(), |len| on + len);
    let before: String = all[..=on.min(all.len() - 1)].iter().map(|t| t.to_text()).collect();
    let after: String = all[each..].iter().map(|t| t.to_text()).collect();
    format!("{before} {} {after}", name(&target))
}

/// An event that does not begin by itself.
fn disabled(sql: &str) -> String {
    let mut before_body = true;
    tokens(Engine::MySql, sql)
        .into_iter()
        .map(|token| {
            if before_body && token.is_word("ENABLE") {
                before_body = false;
                return "DISABLE".to_owned();
            }
            before_body &= !token.is_word("DO");
            token.to_text()
        })
        .collect()
}

/// Bodies are text: names in them that are others on the target stay as they are.
fn warn_of_names(ends: &Ends<'_>, object: &Object, definition: &Definition, plan: &mut StructurePlan) {
    let is_old = |word: &str| {
        word == ends.database
            || ends.options.rename.tables.iter().any(|(from, to)| from.name == word && to.name != word)
    };
    let uses = tokens(Engine::MySql, &definition.sql).into_iter().any(|token| match token {
        Token::Word(word) => is_old(word),
        _ => token.name().is_some_and(|name| is_old(&name)),
    });
    if uses {
        plan.warn(object.clone(), "its body uses a name which is another on the target; change it there");
    }
}
