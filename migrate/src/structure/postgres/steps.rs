//! Entries as steps: which list each belongs to.
//!
//! `pg_dump`'s order is kept within each list, as it is the one in which every
//! object comes after what it needs. Before the load goes all that it calls
//! pre-data, views and functions included: a table's default may need a function,
//! a function a view's type, and none of them costs the load anything.
//!
//! Primary keys come before the load too. They cost it an index that would be
//! built faster afterwards. What they give is worth more: a load that is killed
//! and begun again fails on a row that is there already, where it would have
//! stored it twice, and finds rows by key. In MySQL and SQLite there is no choice,
//! since the key is the table.
//!
//! Triggers come after the load. In the applier's sessions they do not fire
//! (`session_replication_role`), except those that are set to fire always, or there
//! only: these wait for the cutover.

use switchback_engines::Endpoint;

use super::check::check;
use super::entries::Entry;
use super::{name, text};
use crate::structure::error::{Result, StructureError};
use crate::structure::options::StructureOptions;
use crate::structure::plan::{Check, Kind, Object, Step, StructurePlan};
use crate::structure::tokens::{Token, tokens};
use switchback_engines::{Engine, TableRef};

/// What an entry is to us; `None` for what is not known here.
pub(super) fn kind_of(entry: &Entry) -> Option<Kind> {
    Some(match entry.kind.as_str() {
        "SCHEMA" => Kind::Schema,
        "EXTENSION" => Kind::Extension,
        "TYPE" | "SHELL TYPE" => Kind::Type,
        "DOMAIN" => Kind::Domain,
        "SEQUENCE" | "SEQUENCE OWNED BY" => Kind::Sequence,
        "TABLE" | "FOREIGN TABLE" => Kind::Table,
        "TABLE ATTACH" => Kind::Partition,
        "DEFAULT" => Kind::Default,
        "VIEW" => Kind::View,
        "MATERIALIZED VIEW" => Kind::MaterializedView,
        "FUNCTION" | "PROCEDURE" | "AGGREGATE" => Kind::Function,
        "CONSTRAINT" if is_primary(entry) => Kind::PrimaryKey,
        "CONSTRAINT" => Kind::UniqueKey,
        "FK CONSTRAINT" => Kind::ForeignKey,
        "CHECK CONSTRAINT" => Kind::Check,
        "INDEX" | "INDEX ATTACH" => Kind::Index,
        "TRIGGER" | "EVENT TRIGGER" => Kind::Trigger,
        "RULE" => Kind::Rule,
        "POLICY" | "ROW SECURITY" => Kind::Policy,
        "COMMENT" => Kind::Comment,
        "ACL" | "DEFAULT ACL" => Kind::Privilege,
        "CAST"
        | "COLLATION"
        | "OPERATOR"
        | "OPERATOR CLASS"
        | "OPERATOR FAMILY"
        | "CONVERSION"
        | "STATISTICS"
        | "TEXT SEARCH CONFIGURATION"
        | "TEXT SEARCH DICTIONARY"
        | "TEXT SEARCH PARSER"
        | "TEXT SEARCH TEMPLATE"
        | "FOREIGN DATA WRAPPER"
        | "SERVER"
        | "ACCESS METHOD"
        | "PROCEDURAL LANGUAGE" => Kind::Other,
        _ => return None,
    })
}

pub(super) fn object_of(entry: &Entry) -> Object {
    let kind = kind_of(entry).unwrap_or(Kind::Other);
    // The types of a function's arguments are in quotes.
    let tag = if kind == Kind::Function { entry.tag.replace('"', "") } else { entry.tag.clone() };
    let name = match &entry.schema {
        Some(schema) => format!("{schema}.{tag}"),
        None => tag,
    };
    Object::new(kind, name)
}

pub(super) fn add(entries: Vec<Entry>, plan: &mut StructurePlan) -> Result<()> {
    let keys: Vec<TableRef> =
        entries.iter().filter(|e| kind_of(e) == Some(Kind::PrimaryKey)).filter_map(key_index).collect();
    let (mut attached_keys, mut key_steps, mut comments) = (Vec::new(), Vec::new(), Vec::new());
    for entry in entries {
        let object = object_of(&entry);
        let Some(kind) = kind_of(&entry) else {
            plan.warn(object, format!("objects of the kind {} are not moved", entry.kind));
            continue;
        };
        if kind == Kind::Comment && is_given(&entry) {
            continue;
        }
        let Some(check) = check(&entry, kind) else {
            return Err(StructureError::Described { what: object.to_string() });
        };
        let is_key = |index: &TableRef| keys.contains(index);
        let attaches_key = entry.kind == "INDEX ATTACH" && entry.mentions().get(1).is_some_and(is_key);
        let always = acts_always(&entry);
        let is_event = entry.kind == "EVENT TRIGGER";
        let step = Step { object, statements: entry.statements, check };
        if always || is_event {
            let what = "it acts in every session, the applier's too, and is created at the cutover";
            plan.warn(step.object.clone(), what);
            plan.at_cutover.push(step);
            continue;
        }
        match kind {
            Kind::PrimaryKey => key_steps.push(step),
            Kind::Index if attaches_key => attached_keys.push(step),
            Kind::Comment => comments.push(step),
            Kind::UniqueKey
            | Kind::Index
            | Kind::ForeignKey
            | Kind::Check
            | Kind::Trigger
            | Kind::Rule
            | Kind::Policy
            | Kind::Privilege => plan.after_load.push(step),
            Kind::Role
            | Kind::Schema
            | Kind::Extension
            | Kind::Type
            | Kind::Domain
            | Kind::Sequence
            | Kind::Table
            | Kind::Partition
            | Kind::Column
            | Kind::Default
            | Kind::View
            | Kind::MaterializedView
            | Kind::Function
            | Kind::Event
            | Kind::Position
            | Kind::Other => plan.before_load.push(step),
        }
    }
    plan.before_load.append(&mut key_steps);
    plan.before_load.append(&mut attached_keys);
    plan.after_load.append(&mut comments);
    Ok(())
}

/// Materialized views that have rows at the source get theirs on the target, from
/// the rows that were loaded, in the order in which they were created.
pub(super) async fn add_refreshes(
    source: &dyn Endpoint,
    options: &StructureOptions,
    plan: &mut StructurePlan,
) -> Result<()> {
    let question = "SELECT n.nspname::text, c.relname::text FROM pg_class c \
                    JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'm' AND c.relispopulated";
    let rows = source.look("looking for materialized views", question).await.map_err(StructureError::Source)?;
    let filled: Vec<TableRef> = rows
        .into_iter()
        .filter_map(|row| {
            let [schema, Some(name)] = <[_; 2]>::try_from(row).ok()? else { return None };
            Some(options.rename.table(&TableRef { schema, name }))
        })
        .collect();
    let views: Vec<Object> =
        plan.before_load.iter().map(|s| &s.object).filter(|o| o.kind == Kind::MaterializedView).cloned().collect();
    for object in views {
        let Some(view) = filled.iter().find(|view| view.to_string() == object.name) else { continue };
        let schema = view.schema.as_deref().unwrap_or_default();
        let question = format!(
            "SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = {} AND c.relname = {} AND c.relispopulated",
            text(schema),
            text(&view.name)
        );
        let statement = format!("REFRESH MATERIALIZED VIEW {}.{}", name(schema), name(&view.name));
        plan.after_load.push(Step::new(object, statement, Check::Query(question)));
    }
    Ok(())
}

/// A comment that is there anyway, and that only the owner may make: an extension
/// brings its own, and so does a new database for `public`.
fn is_given(comment: &Entry) -> bool {
    let standard = |s: &String| s.ends_with(" IS 'standard public schema'");
    comment.tag.starts_with("EXTENSION ") || comment.statements.iter().any(standard)
}

fn is_primary(entry: &Entry) -> bool {
    let Some(statement) = entry.statements.first() else { return false };
    let all = tokens(Engine::Postgres, statement);
    all.windows(3).any(|w| w[0].is_word("PRIMARY") && matches!(w[1], Token::Space(_)) && w[2].is_word("KEY"))
}

/// A primary key's index, which has its name and lies in the table's schema.
fn key_index(entry: &Entry) -> Option<TableRef> {
    Some(TableRef { schema: entry.schema.clone(), name: name_after(entry, "CONSTRAINT")? })
}

/// The first name in quotes behind a word.
pub(super) fn name_after(entry: &Entry, word: &str) -> Option<String> {
    let statement = entry.statements.first()?;
    let all = tokens(Engine::Postgres, statement);
    let at = all.iter().position(|t| t.is_word(word))?;
    all[at..].iter().find_map(|t| t.name())
}

/// Set to fire in sessions that replicate.
fn acts_always(entry: &Entry) -> bool {
    matches!(entry.kind.as_str(), "TRIGGER" | "RULE")
        && entry.statements.iter().any(|s| {
            let words: Vec<Token<'_>> =
                tokens(Engine::Postgres, s).into_iter().filter(|t| matches!(t, Token::Word(_))).collect();
            words.first().is_some_and(|t| t.is_word("ALTER"))
                && words
                    .windows(2)
                    .any(|w| w[0].is_word("ENABLE") && (w[1].is_word("ALWAYS") || w[1].is_word("REPLICA")))
        })
}
