//! Accounts of PostgreSQL.
//!
//! What everybody may do needs no grant, and what an owner may do none beside the
//! membership of its role: so each right is looked up first, for `PUBLIC` and for the
//! roles that the account becomes a member of. Who the account is does not matter, so
//! that the plan is the same before and after it was run.
//!
//! Only an owner may publish a table. Membership of its role is the widest of all
//! rights here, and the only way to that one. From version 16 on it is given without
//! the right to become the owner, so that a superuser's tables can be published by
//! an account that is none; before, whoever is a member of a superuser's role can be
//! one, and this is refused.

use std::collections::BTreeSet;

use serde::Deserialize;
use switchback_engines::{Endpoint, Engine, TableRef, own, sql};

use super::error::{AccountError, Result};
use super::plan::{AccountPlan, Action, PLACEHOLDER, Step};
use super::request::{AccountRequest, Part};
use super::rights::{On, POSTGRES, Right};
use crate::structure::spell;

/// Since which version a parameter can be granted, and a membership without the
/// right to become the other role.
const VERSION_WITH_PARAMETERS: u32 = 150_000;
const VERSION_WITH_INHERIT: u32 = 160_000;
const NAME_BYTES_MAX: usize = 63;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    version: u32,
    server: String,
    database: String,
    database_owner: String,
    /// Whether the administrator is a superuser.
    superuser: bool,
    exists: bool,
    /// A superuser, or the one who asks.
    is_administrator: bool,
    /// Of everybody.
    may_connect: bool,
    owners: Vec<Owner>,
    row_security: bool,
    schemas: Vec<Thing>,
    new_schemas: Vec<Thing>,
    tables: Vec<Thing>,
    sequences: Vec<Thing>,
}

/// A role that owns some of the tables that are followed, or of the tool's own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Owner {
    name: String,
    superuser: bool,
    /// Some of what it owns.
    tables: String,
}

/// Something that rights are granted on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Thing {
    /// Its schema's, where it is none itself.
    schema: Option<String>,
    name: String,
    /// Which rights everybody has, or a member of the owners' roles.
    given: Vec<String>,
    /// Of a table: whether its rows are moved.
    moved: bool,
}

pub(super) async fn plan(endpoint: &dyn Endpoint, request: &AccountRequest) -> Result<AccountPlan> {
    if request.name.is_empty() || request.name.len() > NAME_BYTES_MAX {
        return Err(AccountError::Name { why: "a name has 1 to 63 bytes" });
    }
    if request.name == own::SCHEMA {
        // What it creates without a schema's name would be in the tool's.
        return Err(AccountError::Name { why: "the tool's own schema has this name" });
    }
    if request.name.starts_with("pg_") || ["public", "none"].contains(&request.name.as_str()) {
        return Err(AccountError::Name { why: "the server keeps this name for itself" });
    }
    let parts = request.parts();
    let facts = Facts::read(endpoint, request, &parts).await?;
    // What a revoke would do to these is nobody's wish.
    if facts.is_administrator {
        return Err(AccountError::Name { why: "it is an administrator's" });
    }
    if request.name == facts.database_owner || request.heir.as_ref() == Some(&request.name) {
        return Err(AccountError::Name { why: "it owns the database, or would inherit from itself" });
    }
    if facts.version < VERSION_WITH_PARAMETERS {
        let what = "switching triggers and foreign keys off in a session";
        return Err(AccountError::NoRight { what, server: facts.server });
    }
    if facts.version < VERSION_WITH_INHERIT
        && let Some(owner) = facts.owners.iter().find(|owner| owner.superuser)
    {
        return Err(AccountError::SuperuserOwner { owner: owner.name.clone(), tables: owner.tables.clone() });
    }
    let making = Making { account: name(&request.name), facts: &facts, request };
    Ok(AccountPlan {
        account: request.name.clone(),
        location: endpoint.info().location.clone(),
        exists: facts.exists,
        create: making.create(&parts),
        revoke: making.revoke(),
    })
}

impl Facts {
    async fn read(endpoint: &dyn Endpoint, request: &AccountRequest, parts: &BTreeSet<Part>) -> Result<Self> {
        let question = question(request, parts);
        let rows = endpoint.look("asking what an account needs", &question).await.map_err(AccountError::Look)?;
        let text = rows.into_iter().next().and_then(|row| row.into_iter().next()).flatten().unwrap_or_default();
        serde_json::from_str(&text).map_err(|error| {
            AccountError::Look(switchback_engines::Error::Query {
                location: endpoint.info().location.clone(),
                what: "asking what an account needs".to_owned(),
                fault: switchback_engines::QueryFault::Other,
                source: Box::new(error),
            })
        })
    }
}

/// What has to be known, as one JSON object.
fn question(request: &AccountRequest, parts: &BTreeSet<Part>) -> String {
    let account = text(&request.name);
    let pair =
        |table: &TableRef| format!("({}, {})", text(table.schema.as_deref().unwrap_or("public")), text(&table.name));
    let moved = match request.tables.as_deref() {
        None => "true".to_owned(),
        Some([]) => "false".to_owned(),
        Some(tables) => {
            let pairs: Vec<String> = tables.iter().map(pair).collect();
            format!("(n.nspname, c.relname) IN ({})", pairs.join(", "))
        }
    };
    let schemas: Vec<String> = request.schemas.iter().map(|schema| text(schema)).collect();
    let schemas = if schemas.is_empty() { text("public") } else { schemas.join(", ") };
    let own = text(own::SCHEMA);
    let (follows, describes) = (parts.contains(&Part::Capture), parts.contains(&Part::Describe));
    format!(
        "WITH RECURSIVE relation AS (
    SELECT c.oid, n.nspname, c.relname, c.relkind, c.relowner, c.relnamespace, c.relispartition,
        c.relrowsecurity, c.relforcerowsecurity, n.nspname = {own} AS is_own,
        n.nspname <> {own} AND NOT c.relispartition AND {moved} AS is_moved
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
),
published AS (
    SELECT r.oid FROM relation r WHERE r.is_moved OR r.is_own
    UNION SELECT i.inhrelid FROM published p JOIN pg_inherits i ON i.inhparent = p.oid
        JOIN pg_class c ON c.oid = i.inhrelid AND c.relispartition
),
owner AS (
    SELECT o.oid, o.rolname, o.rolsuper, left(string_agg(r.nspname || '.' || r.relname, ', ' ORDER BY r.nspname, r.relname), 200) AS tables
    FROM published p JOIN relation r USING (oid) JOIN pg_roles o ON o.oid = r.relowner
    WHERE ({follows} OR r.is_own) AND o.rolname <> {account} GROUP BY o.oid, o.rolname, o.rolsuper
),
giver AS (SELECT 'public' AS rolname UNION ALL SELECT rolname::text FROM owner),
used AS (
    SELECT r.*, ARRAY(
        SELECT p FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) p
        WHERE EXISTS (SELECT FROM giver g WHERE has_table_privilege(g.rolname, r.oid, p))
    ) AS given
    FROM relation r WHERE r.relowner <> coalesce((SELECT oid FROM pg_roles WHERE rolname = {account}), 0)
        AND NOT r.is_own AND (r.is_moved OR {describes})
),
space AS (
    SELECT n.oid, n.nspname, ARRAY(
        SELECT p FROM unnest(ARRAY['USAGE', 'CREATE']) p
        WHERE EXISTS (SELECT FROM giver g WHERE has_schema_privilege(g.rolname, n.oid, p))
    ) AS given
    FROM pg_namespace n WHERE n.nspowner <> coalesce((SELECT oid FROM pg_roles WHERE rolname = {account}), 0)
)
SELECT json_build_object(
    'version', current_setting('server_version_num')::int,
    'server', 'PostgreSQL ' || current_setting('server_version'),
    'database', current_database(),
    'database_owner', (SELECT o.rolname FROM pg_database d JOIN pg_roles o ON o.oid = d.datdba
                       WHERE d.datname = current_database()),
    'superuser', (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),
    'exists', EXISTS (SELECT FROM pg_roles WHERE rolname = {account}),
    'is_administrator', EXISTS (SELECT FROM pg_roles WHERE rolname = {account} AND (rolsuper OR rolname = current_user)),
    'may_connect', has_database_privilege('public', current_database(), 'CONNECT'),
    'owners', (SELECT coalesce(json_agg(json_build_object('name', rolname, 'superuser', rolsuper, 'tables', tables)
               ORDER BY rolname), '[]') FROM owner),
    'row_security', EXISTS (SELECT FROM used WHERE is_moved AND relrowsecurity
                            AND (relforcerowsecurity OR NOT relowner IN (SELECT oid FROM owner))),
    'schemas', (SELECT coalesce(json_agg(json_build_object('schema', NULL, 'name', nspname, 'given', given, 'moved', true)
                ORDER BY nspname), '[]') FROM space WHERE oid IN (SELECT relnamespace FROM used)),
    'new_schemas', (SELECT coalesce(json_agg(json_build_object('schema', NULL, 'name', nspname, 'given', given, 'moved', true)
                    ORDER BY nspname), '[]') FROM space WHERE nspname IN ({schemas})),
    'tables', (SELECT coalesce(json_agg(json_build_object('schema', nspname, 'name', relname, 'given', given,
               'moved', is_moved) ORDER BY nspname, relname), '[]') FROM used),
    'sequences', (SELECT coalesce(json_agg(json_build_object('schema', n.nspname, 'name', c.relname, 'given', ARRAY(
            SELECT p FROM unnest(ARRAY['SELECT', 'UPDATE']) p
            WHERE EXISTS (SELECT FROM giver g WHERE has_sequence_privilege(g.rolname, c.oid, p))
        ), 'moved', true) ORDER BY n.nspname, c.relname), '[]')
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> {own}
          AND c.relowner <> coalesce((SELECT oid FROM pg_roles WHERE rolname = {account}), 0))
)::text"
    )
}

struct Making<'a> {
    /// Quoted.
    account: String,
    facts: &'a Facts,
    request: &'a AccountRequest,
}

impl Making<'_> {
    fn create(&self, parts: &BTreeSet<Part>) -> Vec<Step> {
        let there = format!("SELECT 1 FROM pg_roles WHERE rolname = {}", text(&self.request.name));
        let mut steps = vec![
            Step::run(
                format!("CREATE ROLE {} LOGIN PASSWORD {PLACEHOLDER}", self.account),
                "an account of the move's own, whose rights end with it",
            )
            .unless(there),
        ];
        let mut tables: Vec<(&Thing, Vec<&str>, &str)> = Vec::new();
        // The tool's own tables, where somebody else has made them, need their owner in any case.
        let is_needed = |right: &&Right| right.on == On::Owners || right.parts.iter().any(|part| parts.contains(part));
        for right in POSTGRES.iter().filter(is_needed) {
            match right.on {
                On::Tables => self.add(right, |thing| thing.moved, &mut tables),
                On::AllTables => self.add(right, |_| true, &mut tables),
                _ => steps.extend(self.steps(right)),
            }
        }
        for (table, names, why) in tables {
            steps.push(self.grant(&names, &format!("TABLE {}", table.sql()), why));
        }
        steps
    }

    /// Collects what a table's one statement grants.
    fn add<'t>(
        &'t self,
        right: &Right,
        concerned: impl Fn(&Thing) -> bool,
        tables: &mut Vec<(&'t Thing, Vec<&'t str>, &'t str)>,
    ) {
        for table in self.facts.tables.iter().filter(|table| concerned(table)) {
            for name in right.names.iter().filter(|name| !table.has(name)) {
                match tables.iter_mut().find(|(other, _, _)| std::ptr::eq(*other, table)) {
                    Some((_, names, _)) if names.contains(name) => {}
                    Some((_, names, why)) => {
                        names.push(name);
                        *why = right.why;
                    }
                    None => tables.push((table, vec![name], right.why)),
                }
            }
        }
    }

    fn steps(&self, right: &Right) -> Vec<Step> {
        let facts = self.facts;
        let things = |things: &[Thing], kind: &str| {
            let missing = |thing: &Thing| -> Option<Step> {
                let names: Vec<&str> = right.names.iter().copied().filter(|name| !thing.has(name)).collect();
                let on = format!("{kind} {}", thing.sql());
                (!names.is_empty()).then(|| self.grant(&names, &on, right.why))
            };
            things.iter().filter_map(missing).collect()
        };
        match right.on {
            On::Role if right.names == ["BYPASSRLS"] && !facts.row_security => Vec::new(),
            On::Role => {
                vec![Step::run(format!("ALTER ROLE {} {}", self.account, right.names.join(" ")), right.why)]
            }
            On::Parameter(parameter) => vec![self.grant(right.names, &format!("PARAMETER {parameter}"), right.why)],
            On::Database if right.names == ["CONNECT"] && facts.may_connect => Vec::new(),
            On::Database => vec![self.grant(right.names, &format!("DATABASE {}", name(&facts.database)), right.why)],
            On::Owners => facts.owners.iter().map(|owner| self.membership(owner, right.why)).collect(),
            On::Schemas => things(&facts.schemas, "SCHEMA"),
            On::NewSchemas => things(&facts.new_schemas, "SCHEMA"),
            On::Sequences => things(&facts.sequences, "SEQUENCE"),
            On::Server | On::Tables | On::AllTables | On::Own(_) | On::System(_) => Vec::new(),
        }
    }

    fn grant(&self, names: &[&str], on: &str, why: &str) -> Step {
        Step::run(format!("GRANT {} ON {on} TO {}", names.join(", "), self.account), why)
    }

    fn membership(&self, owner: &Owner, why: &str) -> Step {
        let with = if self.facts.version < VERSION_WITH_INHERIT { "" } else { " WITH INHERIT TRUE, SET FALSE" };
        Step::run(format!("GRANT {} TO {}{with}", name(&owner.name), self.account), why)
    }

    fn revoke(&self) -> Vec<Step> {
        let account = &self.account;
        let literal = text(&self.request.name);
        let gone = format!("SELECT 1 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {literal})");
        let heir = name(self.request.heir.as_deref().unwrap_or(&self.facts.database_owner));
        let mut steps = vec![
            Step::run(format!("ALTER ROLE {account} NOLOGIN"), "nobody comes in any more").unless(&gone),
            Step {
                action: Action::Run(format!(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = {literal} \
                     AND pid <> pg_backend_pid()"
                )),
                why: "sessions that are open would go on with the rights that they have".to_owned(),
                done: None,
            },
        ];
        if !self.facts.superuser {
            let why = "only a member may give away what the account owns";
            steps.push(Step::run(format!("GRANT {account} TO CURRENT_USER"), why).unless(&gone));
        }
        if self.request.drop_own {
            let statement = format!("DROP SCHEMA IF EXISTS {} CASCADE", name(own::SCHEMA));
            steps.push(Step::run(statement, "it holds the tool's own tables and nothing else"));
        }
        steps.push(
            Step::run(format!("REASSIGN OWNED BY {account} TO {heir}"), "what the account has made stays")
                .unless(&gone),
        );
        steps.push(Step::run(format!("DROP OWNED BY {account}"), "what it was granted goes").unless(&gone));
        steps.push(Step::run(format!("DROP ROLE IF EXISTS {account}"), "nothing refers to it any more"));
        steps
    }
}

impl Thing {
    fn has(&self, right: &str) -> bool {
        self.given.iter().any(|given| given == right)
    }

    fn sql(&self) -> String {
        sql::table(Engine::Postgres, &TableRef { schema: self.schema.clone(), name: self.name.clone() })
    }
}

fn name(text: &str) -> String {
    sql::name(Engine::Postgres, text)
}

fn text(value: &str) -> String {
    spell::text(Engine::Postgres, value)
}
