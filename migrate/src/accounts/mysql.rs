//! Accounts of MySQL and MariaDB.
//!
//! A right on a table can be given before the table is there only together with the
//! right to create it. So where the structure is created, rights are on the whole
//! database, as they are where all of its tables are moved; else each table has its
//! own, and each of the tool's own tables in any case.

use std::collections::{BTreeMap, BTreeSet};

use switchback_engines::{Endpoint, Engine, Flavor, TableRef, own, sql};

use super::error::{AccountError, Result};
use super::grants::{At, Grants};
use super::plan::{AccountPlan, Action, PLACEHOLDER, Step};
use super::request::{AccountRequest, Part};
use super::rights::{self, On, Right};
use crate::structure::spell;

/// What a statement grants something on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Object {
    Server,
    Database,
    Table(TableRef),
    System(&'static str),
}

/// What is asked of the server first.
struct Facts {
    database: String,
    version: String,
    flavor: Flavor,
    /// Whether `_` and `%` are themselves in the name of a database.
    literal_names: bool,
}

/// Since which version of MySQL a right that is less than all of `RELOAD` is there.
const VERSION_WITH_FLUSH_TABLES: [u32; 3] = [8, 0, 23];
const NAME_CHARS_MAX: usize = 32;
const HOST_CHARS_MAX: usize = 255;

pub(super) async fn plan(endpoint: &dyn Endpoint, request: &AccountRequest) -> Result<AccountPlan> {
    if request.name.is_empty() || request.name.chars().count() > NAME_CHARS_MAX {
        return Err(AccountError::Name { why: "a name has 1 to 32 characters" });
    }
    if request.host.is_empty() || request.host.chars().count() > HOST_CHARS_MAX {
        return Err(AccountError::Name { why: "a host has 1 to 255 characters; `%` stands for any" });
    }
    if is_administrator(endpoint, request).await? {
        // What a revoke would do to it is nobody's wish.
        return Err(AccountError::Name { why: "it is an administrator's" });
    }
    let facts = Facts::read(endpoint).await?;
    let account = format!("{}@{}", text(&request.name), text(&request.host));
    let mut create = vec![Step::run(
        format!("CREATE USER IF NOT EXISTS {account} IDENTIFIED BY {PLACEHOLDER}"),
        "an account of the move's own, whose rights end with it",
    )];
    create.extend(grants(&facts, request, &account));
    Ok(AccountPlan {
        exists: exists(endpoint, request).await?,
        location: endpoint.info().location.clone(),
        create,
        revoke: revoke(&facts, request, &account),
        account,
    })
}

/// Whether it is the one who asks, or may do what only administrators may.
async fn is_administrator(endpoint: &dyn Endpoint, request: &AccountRequest) -> Result<bool> {
    let question = format!(
        "SELECT 1 FROM DUAL WHERE SUBSTRING_INDEX(CURRENT_USER(), '@', 1) = {0} UNION ALL \
         SELECT 1 FROM information_schema.USER_PRIVILEGES WHERE GRANTEE = CONCAT(QUOTE({0}), '@', QUOTE({1})) \
         AND (PRIVILEGE_TYPE = 'SUPER' OR IS_GRANTABLE = 'YES')",
        text(&request.name),
        text(&request.host)
    );
    let rows = endpoint.look("looking for the account", &question).await.map_err(AccountError::Look)?;
    Ok(!rows.is_empty())
}

/// Who may not read the list of accounts is shown none.
async fn exists(endpoint: &dyn Endpoint, request: &AccountRequest) -> Result<bool> {
    let question = format!(
        "SELECT 1 FROM information_schema.USER_PRIVILEGES WHERE GRANTEE = CONCAT(QUOTE({}), '@', QUOTE({})) LIMIT 1",
        text(&request.name),
        text(&request.host)
    );
    let rows = endpoint.look("looking for the account", &question).await.map_err(AccountError::Look)?;
    Ok(!rows.is_empty())
}

impl Facts {
    async fn read(endpoint: &dyn Endpoint) -> Result<Self> {
        let info = endpoint.info();
        let ask = async |question: &str| {
            let rows = endpoint.look("asking what an account needs", question).await.map_err(AccountError::Look)?;
            Ok(rows.into_iter().next().unwrap_or_default())
        };
        let database = ask("SELECT DATABASE()").await?.into_iter().next().flatten().unwrap_or_default();
        let partial = match info.flavor {
            Flavor::Original => ask("SHOW GLOBAL VARIABLES LIKE 'partial_revokes'").await?,
            Flavor::MariaDb => Vec::new(),
        };
        Ok(Self {
            database,
            version: info.version.clone(),
            flavor: info.flavor,
            literal_names: partial.get(1).and_then(Option::as_deref) == Some("ON"),
        })
    }

    /// As GRANT has it.
    fn on(&self, object: &Object) -> String {
        match object {
            Object::Server => "*.*".to_owned(),
            Object::Database if self.literal_names => format!("{}.*", name(&self.database)),
            Object::Database => {
                format!("{}.*", name(&self.database.replace('\\', "\\\\").replace('_', "\\_").replace('%', "\\%")))
            }
            Object::Table(table) => sql::table(Engine::MySql, table),
            Object::System(table) => (*table).to_owned(),
        }
    }

    fn own(&self, table: &str) -> TableRef {
        own::table(Engine::MySql, Some(&self.database), table)
    }

    /// The name of a right that this version has.
    fn named(&self, right: &Right, name: &'static str) -> &'static str {
        match right.instead {
            Some(instead) if version(&self.version) < VERSION_WITH_FLUSH_TABLES => instead,
            _ => name,
        }
    }
}

fn version(text: &str) -> [u32; 3] {
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().unwrap_or(0));
    std::array::from_fn(|_| numbers.next().unwrap_or(0))
}

/// One statement for each thing that rights are on, and for each right of the server.
fn grants(facts: &Facts, request: &AccountRequest, account: &str) -> Vec<Step> {
    let mut found: BTreeMap<Object, Vec<(&'static str, &'static str)>> = BTreeMap::new();
    for (object, name, why) in needed(facts, request) {
        let rights = found.entry(object).or_default();
        if !rights.iter().any(|(other, _)| *other == name) {
            rights.push((name, why));
        }
    }
    let everywhere: BTreeSet<&str> =
        found.get(&Object::Database).into_iter().flatten().map(|(name, _)| *name).collect();
    let mut steps = Vec::new();
    for (object, rights) in &found {
        let covered = |name: &str| matches!(object, Object::Table(_)) && everywhere.contains(name);
        let rights: Vec<_> = rights.iter().filter(|(name, _)| !covered(name)).copied().collect();
        let one_each = *object == Object::Server;
        for some in rights.chunks(if one_each { 1 } else { rights.len().max(1) }) {
            let names: Vec<&str> = some.iter().map(|(name, _)| *name).collect();
            let mut whys: Vec<&str> = Vec::new();
            for (_, why) in some {
                if !whys.contains(why) {
                    whys.push(why);
                }
            }
            let statement = format!("GRANT {} ON {} TO {account}", names.join(", "), facts.on(object));
            steps.push(Step::run(statement, whys.join("; ")));
        }
    }
    steps
}

fn needed(facts: &Facts, request: &AccountRequest) -> Vec<(Object, &'static str, &'static str)> {
    let parts = request.parts();
    let mut needed = Vec::new();
    for right in rights::of_flavor(facts.flavor) {
        if !right.parts.iter().any(|part| parts.contains(part)) {
            continue;
        }
        let objects: Vec<Object> = match right.on {
            On::Server => vec![Object::Server],
            On::Database => vec![Object::Database],
            On::Tables => match &request.tables {
                None => vec![Object::Database],
                Some(tables) => tables.iter().map(|table| Object::Table(facts.at_home(table))).collect(),
            },
            On::Own(tables) => tables.iter().map(|table| Object::Table(facts.own(table))).collect(),
            On::System(table) => vec![Object::System(table)],
            // Not of these servers.
            On::Role | On::Parameter(_) | On::Schemas | On::NewSchemas | On::Owners | On::AllTables | On::Sequences => {
                Vec::new()
            }
        };
        for object in objects {
            needed.extend(right.names.iter().map(|name| (object.clone(), facts.named(right, name), right.why)));
        }
    }
    needed
}

impl Facts {
    fn at_home(&self, table: &TableRef) -> TableRef {
        TableRef { schema: table.schema.clone().or_else(|| Some(self.database.clone())), name: table.name.clone() }
    }
}

/// What an account with these grants lacks, of the rights on things that `on` chooses.
pub(crate) fn missing(
    grants: &Grants,
    (flavor, database): (Flavor, &str),
    parts: &[Part],
    tables: &[TableRef],
    on: impl Fn(&On) -> bool,
) -> Vec<String> {
    let mut lacking = Vec::new();
    let rights = rights::of_flavor(flavor).iter().filter(|right| right.parts.iter().any(|part| parts.contains(part)));
    for right in rights.filter(|right| on(&right.on)) {
        let mut look = |at: &At<'_>, named: &str| {
            for name in right.names {
                let enough: Vec<&str> = [*name].into_iter().chain(right.instead).collect();
                if !grants.holds(&enough, at) {
                    lacking.push(format!("{name} on {named}"));
                }
            }
        };
        match right.on {
            On::Server => look(&At::Server, "*.*"),
            On::Database => look(&At::Database(database), &format!("{database}.*")),
            On::Tables => tables.iter().for_each(|table| look(&At::Table(table), &table.to_string())),
            On::Own(own) => own.iter().for_each(|name| {
                let table = own::table(Engine::MySql, Some(database), name);
                look(&At::Table(&table), &table.to_string());
            }),
            On::System(table) => {
                let (schema, name) = table.split_once('.').unwrap_or_default();
                look(&At::Table(&TableRef { schema: Some(schema.to_owned()), name: name.to_owned() }), table);
            }
            On::Role | On::Parameter(_) | On::Schemas | On::NewSchemas | On::Owners | On::AllTables | On::Sequences => {
            }
        }
    }
    lacking
}

fn revoke(facts: &Facts, request: &AccountRequest, account: &str) -> Vec<Step> {
    let mut steps = vec![
        Step {
            action: Action::Refuse(defined_by(&request.name, &request.host)),
            why: "what runs with the account's rights would not run any more".to_owned(),
            done: None,
        },
        Step::run(format!("ALTER USER IF EXISTS {account} ACCOUNT LOCK"), "nobody comes in any more"),
        Step {
            action: Action::RunAnswers(format!(
                "SELECT CONCAT('KILL ', ID) FROM information_schema.PROCESSLIST WHERE USER = {}",
                text(&request.name)
            )),
            why: "sessions that are open would go on with the rights that they have".to_owned(),
            done: None,
        },
    ];
    if request.drop_own {
        for table in rights::own_tables() {
            let name = sql::table(Engine::MySql, &facts.own(table));
            steps.push(Step::run(format!("DROP TABLE IF EXISTS {name}"), "it is the tool's own"));
        }
    }
    steps.push(Step::run(format!("DROP USER IF EXISTS {account}"), "its rights go with it"));
    steps
}

/// Everything whose definer the account is, on all of the server.
fn defined_by(user: &str, host: &str) -> String {
    let definer = text(&format!("{user}@{host}"));
    format!(
        "SELECT CONCAT('view ', TABLE_SCHEMA, '.', TABLE_NAME) FROM information_schema.VIEWS WHERE DEFINER = {definer} \
         UNION ALL SELECT CONCAT(LOWER(ROUTINE_TYPE), ' ', ROUTINE_SCHEMA, '.', ROUTINE_NAME) \
         FROM information_schema.ROUTINES WHERE DEFINER = {definer} \
         UNION ALL SELECT CONCAT('trigger ', TRIGGER_SCHEMA, '.', TRIGGER_NAME) \
         FROM information_schema.TRIGGERS WHERE DEFINER = {definer} \
         UNION ALL SELECT CONCAT('event ', EVENT_SCHEMA, '.', EVENT_NAME) \
         FROM information_schema.EVENTS WHERE DEFINER = {definer} ORDER BY 1"
    )
}

fn name(text: &str) -> String {
    sql::name(Engine::MySql, text)
}

fn text(value: &str) -> String {
    spell::text(Engine::MySql, value)
}
