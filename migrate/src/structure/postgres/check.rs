//! How to see that an entry is there already.

use switchback_engines::Engine;

use super::entries::Entry;
use super::steps::name_after;
use super::{name, text};
use crate::structure::plan::{Check, Kind};
use crate::structure::tokens::{Token, joined, parenthesised, tokens};

/// `None` where the entry's statement is not what was expected of its type.
pub(super) fn check(entry: &Entry, kind: Kind) -> Option<Check> {
    let schema = entry.schema.as_deref().unwrap_or_default();
    let tag = text(&entry.tag);
    let in_schema = |catalog: &str, prefix: &str| {
        format!(
            "SELECT 1 FROM {catalog} o JOIN pg_namespace n ON n.oid = o.{prefix}namespace \
             WHERE n.nspname = {} AND o.{prefix}name = {tag}",
            text(schema)
        )
    };
    let of_database = |catalog: &str, column: &str| format!("SELECT 1 FROM {catalog} WHERE {column} = {tag}");
    let question = match (kind, entry.kind.as_str()) {
        (Kind::Schema, _) => of_database("pg_namespace", "nspname"),
        (Kind::Extension, _) => of_database("pg_extension", "extname"),
        // A type of this name that is not defined yet is not there.
        (Kind::Type, "TYPE") => in_schema("pg_type", "typ") + " AND o.typisdefined",
        (Kind::Type | Kind::Domain, _) => in_schema("pg_type", "typ"),
        (Kind::Sequence, "SEQUENCE") | (Kind::Table | Kind::View | Kind::MaterializedView, _) => {
            in_schema("pg_class", "rel")
        }
        (Kind::Function, _) => function(entry),
        (Kind::PrimaryKey | Kind::UniqueKey | Kind::ForeignKey | Kind::Check, _) => constraint(entry, schema)?,
        (Kind::Index, "INDEX") => in_schema("pg_class", "rel"),
        (Kind::Index, _) | (Kind::Partition, _) => attached(entry)?,
        (Kind::Trigger, "EVENT TRIGGER") => of_database("pg_event_trigger", "evtname"),
        (Kind::Trigger, _) => on_table(entry, "pg_trigger", "tgrelid", "tgname", "TRIGGER")?,
        // The query of a view that needed a primary key first: it replaces.
        (Kind::Rule, _) if name_after(entry, "RULE").is_none() => return Some(Check::Repeatable),
        (Kind::Rule, _) => on_table(entry, "pg_rewrite", "ev_class", "rulename", "RULE")?,
        (Kind::Policy, "POLICY") => on_table(entry, "pg_policy", "polrelid", "polname", "POLICY")?,
        (Kind::Other, catalog) => other(entry, catalog, &in_schema, &of_database)?,
        _ => return Some(Check::Repeatable),
    };
    Some(Check::Query(question))
}

/// The tag is the name with the types of its arguments; types of the catalog
/// stand without a schema, as they do here. Which of them are in quotes depends on
/// a setting, so quotes are no part of what is compared.
fn function(entry: &Entry) -> String {
    format!(
        "SELECT 1 FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = {} AND \
         replace(p.proname || '(' || (SELECT coalesce(string_agg(format_type(a.type, NULL), ', ' ORDER BY a.place), '') \
         FROM unnest(p.proargtypes) WITH ORDINALITY a (type, place)) || ')', '\"', '') = {}",
        text(entry.schema.as_deref().unwrap_or_default()),
        text(&aggregated(&entry.tag).replace('"', "")),
    )
}

/// An aggregate over any rows has a star in the place of its types.
fn aggregated(tag: &str) -> String {
    tag.strip_suffix("(*)").map_or_else(|| tag.to_owned(), |name| format!("{name}()"))
}

fn constraint(entry: &Entry, schema: &str) -> Option<String> {
    let table = entry.mentions().into_iter().next()?;
    Some(format!(
        "SELECT 1 FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid \
         JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = {} AND c.relname = {} AND o.conname = {}",
        text(table.schema.as_deref().unwrap_or(schema)),
        text(&table.name),
        text(&name_after(entry, "CONSTRAINT")?),
    ))
}

fn attached(entry: &Entry) -> Option<String> {
    let mentions = entry.mentions();
    let (parent, child) = (mentions.first()?, mentions.get(1)?);
    let relation = |of: &switchback_engines::TableRef| {
        text(&format!("{}.{}", name(of.schema.as_deref().unwrap_or_default()), name(&of.name)))
    };
    Some(format!(
        "SELECT 1 FROM pg_inherits WHERE inhparent = to_regclass({}) AND inhrelid = to_regclass({})",
        relation(parent),
        relation(child)
    ))
}

fn on_table(entry: &Entry, catalog: &str, table_column: &str, name_column: &str, word: &str) -> Option<String> {
    let table = entry.mentions().into_iter().next()?;
    Some(format!(
        "SELECT 1 FROM {catalog} o JOIN pg_class c ON c.oid = o.{table_column} \
         JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = {} AND c.relname = {} AND o.{name_column} = {}",
        text(table.schema.as_deref()?),
        text(&table.name),
        text(&name_after(entry, word)?),
    ))
}

fn other(
    entry: &Entry,
    kind: &str,
    in_schema: &dyn Fn(&str, &str) -> String,
    of_database: &dyn Fn(&str, &str) -> String,
) -> Option<String> {
    Some(match kind {
        "COLLATION" => in_schema("pg_collation", "coll"),
        "CONVERSION" => in_schema("pg_conversion", "con"),
        "STATISTICS" => in_schema("pg_statistic_ext", "stx"),
        "TEXT SEARCH CONFIGURATION" => in_schema("pg_ts_config", "cfg"),
        "TEXT SEARCH DICTIONARY" => in_schema("pg_ts_dict", "dict"),
        "TEXT SEARCH PARSER" => in_schema("pg_ts_parser", "prs"),
        "TEXT SEARCH TEMPLATE" => in_schema("pg_ts_template", "tmpl"),
        "OPERATOR CLASS" => in_schema("pg_opclass", "opc"),
        "OPERATOR FAMILY" => in_schema("pg_opfamily", "opf"),
        "FOREIGN DATA WRAPPER" => of_database("pg_foreign_data_wrapper", "fdwname"),
        "SERVER" => of_database("pg_foreign_server", "srvname"),
        "ACCESS METHOD" => of_database("pg_am", "amname"),
        "PROCEDURAL LANGUAGE" => of_database("pg_language", "lanname"),
        "OPERATOR" => operator(entry)?,
        "CAST" => cast(entry)?,
        _ => return None,
    })
}

/// Several operators may have one name, so their types are looked at too.
fn operator(entry: &Entry) -> Option<String> {
    let statement = entry.statements.first()?;
    let all = tokens(Engine::Postgres, statement);
    let (inside, _) = parenthesised(&all)?;
    let side = |word: &str| {
        let part = crate::structure::tokens::split_list(inside)
            .into_iter()
            .find(|part| part.iter().find(|t| !matches!(t, Token::Space(_))).is_some_and(|t| t.is_word(word)))?;
        joined(part).split_once('=').map(|(_, of)| of.trim().to_owned())
    };
    let none = || "NONE".to_owned();
    let schema = name(entry.schema.as_deref()?);
    let signature = format!(
        "{schema}.{}({},{})",
        entry.tag,
        side("LEFTARG").unwrap_or_else(none),
        side("RIGHTARG").unwrap_or_else(none)
    );
    Some(format!("SELECT 1 WHERE to_regoperator({}) IS NOT NULL", text(&signature)))
}

fn cast(entry: &Entry) -> Option<String> {
    let statement = entry.statements.first()?;
    let all = tokens(Engine::Postgres, statement);
    let (inside, _) = parenthesised(&all)?;
    let at = inside.iter().position(|t| t.is_word("AS"))?;
    let (from, to) = (joined(&inside[..at]), joined(&inside[at + 1..]));
    Some(format!(
        "SELECT 1 FROM pg_cast WHERE castsource = to_regtype({}) AND casttarget = to_regtype({})",
        text(from.trim()),
        text(to.trim())
    ))
}
