//! The model in the target's words, as steps.

use std::collections::HashSet;

use switchback_engines::{Engine, Flavor, Logical, TableRef};

use super::default::clause;
use super::model::{ColumnModel, ForeignKeyModel, IndexModel, Model, TableModel};
use super::types::{Mapped, Usage, map};
use super::{Dialect, target_table};
use crate::structure::options::StructureOptions;
use crate::structure::plan::{Check, Clash, Kind, Object, Step, StructurePlan};
use crate::structure::spell::{dotted, name, table as spelled, text};

/// A label of PostgreSQL is a name.
const POSTGRES_LABEL_BYTES: usize = 63;
/// Of a long text in an index of MySQL's that only finds rows, so much is enough.
const MYSQL_PREFIX: &str = "(191)";

/// What the parts of a table are written with.
struct Writing<'a> {
    from: Dialect,
    to: Dialect,
    model: &'a Model,
    options: &'a StructureOptions,
    numbering: HashSet<(TableRef, String)>,
}

pub(super) fn add(from: Dialect, to: Dialect, model: &Model, options: &StructureOptions, plan: &mut StructurePlan) {
    let writing = Writing { from, to, model, options, numbering: numbering(model) };
    let mut schemas: Vec<String> = Vec::new();
    for table in &model.tables {
        let target = writing.target(&table.name);
        let schema = target.schema.clone().filter(|s| s != "public" && !schemas.contains(s));
        if let Some(schema) = schema {
            let question = format!("SELECT 1 FROM pg_namespace WHERE nspname = {}", text(to.engine, &schema));
            let statement = format!("CREATE SCHEMA {}", name(to.engine, &schema));
            plan.before_load.push(Step::new(Object::new(Kind::Schema, &schema), statement, Check::Query(question)));
            schemas.push(schema);
        }
        writing.table(table, &target, plan);
    }
    for table in &model.tables {
        writing.indexes(table, plan);
    }
    for table in &model.tables {
        writing.foreign_keys(table, plan);
        writing.comments(table, plan);
    }
}

/// The columns that number themselves, and those that refer to them in the end.
fn numbering(model: &Model) -> HashSet<(TableRef, String)> {
    let of = |table: &TableModel, column: &str| (table.name.clone(), column.to_owned());
    let mut all: HashSet<(TableRef, String)> = model
        .tables
        .iter()
        .flat_map(|t| t.columns.iter().filter(|c| c.is_auto).map(move |c| of(t, &c.column.name)))
        .collect();
    loop {
        let before = all.len();
        for table in &model.tables {
            for key in &table.foreign_keys {
                for (column, parent) in key.columns.iter().zip(&key.parent_columns) {
                    if all.contains(&(key.parent.clone(), parent.clone())) {
                        all.insert(of(table, column));
                    }
                }
            }
        }
        if all.len() == before {
            return all;
        }
    }
}

impl Writing<'_> {
    fn target(&self, table: &TableRef) -> TableRef {
        target_table(self.to.engine, &self.options.rename, table)
    }

    fn is(&self, engine: Engine) -> bool {
        self.to.engine == engine
    }

    fn table(&self, table: &TableModel, target: &TableRef, plan: &mut StructurePlan) {
        let engine = self.to.engine;
        let mut inside = Vec::new();
        let mut has_key = table.primary.is_empty();
        for column in &table.columns {
            let Some(mapped) = self.mapped(table, column) else {
                let native = column.column.native.clone();
                plan.clash(object(Kind::Column, table, &column.column.name), Clash::NoType { native });
                continue;
            };
            let (said, is_key) = self.column(table, target, column, &mapped, plan);
            has_key |= is_key;
            inside.push(said);
        }
        if !has_key {
            inside.push(format!("PRIMARY KEY ({})", self.names(&table.primary)));
            for column in table.primary.iter().filter_map(|c| table.column(c)).filter(|c| c.column.nullable) {
                let what = "it is in the primary key, where NULL is refused";
                plan.warn(object(Kind::Column, table, &column.column.name), what);
            }
        }
        if self.is(Engine::Sqlite) {
            let keys: Vec<&ForeignKeyModel> = self.sound_keys(table, plan);
            inside.extend(keys.iter().map(|key| self.foreign_key(key)));
        }
        let options = match (engine, self.to.flavor) {
            (Engine::MySql, flavor) => {
                // Text is equal to itself and nothing else, spaces at the end included.
                let collation = match flavor {
                    Flavor::Original => "utf8mb4_0900_bin",
                    Flavor::MariaDb => "utf8mb4_nopad_bin",
                };
                let comment = table.comment.as_deref().map(|c| format!(" COMMENT={}", text(engine, c)));
                format!(" ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE={collation}{}", comment.unwrap_or_default())
            }
            _ => String::new(),
        };
        let statement = format!("CREATE TABLE {} (\n  {}\n){options}", spelled(engine, target), inside.join(",\n  "));
        let check = Check::Query(self.there(target));
        plan.before_load.push(Step::new(Object::new(Kind::Table, target.to_string()), statement, check));
    }

    /// A column's clause, and whether the primary key is in it.
    fn column(
        &self,
        table: &TableModel,
        target: &TableRef,
        column: &ColumnModel,
        mapped: &Mapped,
        plan: &mut StructurePlan,
    ) -> (String, bool) {
        let engine = self.to.engine;
        let plain = &column.column;
        let of = object(Kind::Column, table, &plain.name);
        if let Some(what) = mapped.lossy {
            plan.warn(of.clone(), format!("{} becomes {}: {what}", plain.native, mapped.native));
        }
        let native = match plain.logical {
            Some(Logical::Enum) if mapped.native == "enum" => self.enumeration(target, column, plan),
            _ => mapped.native.clone(),
        };
        let said = name(engine, &plain.name);
        let only_key = table.primary.len() == 1 && table.primary.first() == Some(&plain.name);
        let not_null = if plain.nullable && !table.primary.contains(&plain.name) { "" } else { " NOT NULL" };
        if column.is_auto {
            match engine {
                Engine::Postgres => {
                    return (format!("{said} {native} GENERATED BY DEFAULT AS IDENTITY{not_null}"), false);
                }
                Engine::MySql if table.primary.first() == Some(&plain.name) => {
                    return (format!("{said} {native} NOT NULL AUTO_INCREMENT{}", self.comment(column)), false);
                }
                // A number is used once, as it is at the source.
                Engine::Sqlite if only_key => {
                    return (format!("{said} INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL"), true);
                }
                _ => plan.warn(of.clone(), "it numbers itself at the source, and does not on the target"),
            }
        }
        let default = clause(self.to, &native, plain.logical.as_ref(), &column.default).unwrap_or_else(|| {
            plan.warn(of, "its default is said in the source's words only, and is left out");
            String::new()
        });
        // A TIMESTAMP that says nothing is NOT NULL where MySQL is set so.
        let null = if engine == Engine::MySql && not_null.is_empty() { " NULL" } else { not_null };
        (format!("{said} {native}{null}{default}{}", self.comment(column)), false)
    }

    fn comment(&self, column: &ColumnModel) -> String {
        let comment = column.comment.as_deref().filter(|_| self.is(Engine::MySql));
        comment.map(|c| format!(" COMMENT {}", text(self.to.engine, c))).unwrap_or_default()
    }

    fn mapped(&self, table: &TableModel, column: &ColumnModel) -> Option<Mapped> {
        let plain = &column.column;
        if plain.logical == Some(Logical::Enum) && !self.has_enum(column) {
            let text = switchback_engines::Column { logical: Some(Logical::Text { chars_max: None }), ..plain.clone() };
            return map(self.from, self.to, &text, self.usage(table, &plain.name));
        }
        map(self.from, self.to, plain, self.usage(table, &plain.name))
    }

    /// Whether the target's enum can have these labels.
    fn has_enum(&self, column: &ColumnModel) -> bool {
        let labels = &column.labels;
        match self.to.engine {
            Engine::Postgres => labels.iter().all(|l| l.len() <= POSTGRES_LABEL_BYTES) && !labels.is_empty(),
            // It takes spaces from their ends.
            Engine::MySql => !labels.is_empty() && labels.iter().all(|l| !l.ends_with(' ') && !l.is_empty()),
            Engine::Sqlite | Engine::SqlServer | Engine::MongoDb => true,
        }
    }

    /// The type of an enum, which PostgreSQL wants to be made first.
    fn enumeration(&self, target: &TableRef, column: &ColumnModel, plan: &mut StructurePlan) -> String {
        let engine = self.to.engine;
        let labels: Vec<String> = column.labels.iter().map(|l| text(engine, l)).collect();
        let labels = labels.join(",");
        if engine != Engine::Postgres {
            return format!("enum({labels})");
        }
        let schema = target.schema.as_deref().unwrap_or("public");
        let plain = format!("{}_{}", target.name, column.column.name);
        let mut end = plain.len().min(63);
        while !plain.is_char_boundary(end) {
            end -= 1;
        }
        let plain = &plain[..end];
        let question = format!(
            "SELECT 1 FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE n.nspname = {} AND t.typname = {}",
            text(engine, schema),
            text(engine, plain)
        );
        let spelled = dotted(engine, &[schema, plain]);
        let statement = format!("CREATE TYPE {spelled} AS ENUM ({labels})");
        let object = Object::new(Kind::Type, format!("{schema}.{plain}"));
        plan.before_load.push(Step::new(object, statement, Check::Query(question)));
        spelled
    }

    fn usage(&self, table: &TableModel, column: &str) -> Usage {
        let has = |columns: &[String]| columns.iter().any(|c| c == column);
        let unique = table.indexes.iter().filter(|i| i.is_unique);
        let unique = unique.map(|i| i.parts.iter().map(|p| p.column.clone()).collect::<Vec<_>>());
        let own = table.foreign_keys.iter().map(|k| k.columns.clone());
        let of_children = self.model.tables.iter().flat_map(|t| &t.foreign_keys);
        let of_children = of_children.filter(|k| k.parent == table.name).map(|k| k.parent_columns.clone());
        let keys = unique.chain(own).chain(of_children).chain([table.primary.clone()]);
        Usage {
            key_columns: keys.filter(|columns| has(columns)).map(|columns| columns.len()).max().unwrap_or(0),
            is_numbering: self.numbering.contains(&(table.name.clone(), column.to_owned())),
        }
    }

    fn names(&self, columns: &[String]) -> String {
        columns.iter().map(|c| name(self.to.engine, c)).collect::<Vec<_>>().join(", ")
    }

    fn indexes(&self, table: &TableModel, plan: &mut StructurePlan) {
        let engine = self.to.engine;
        let target = self.target(&table.name);
        for index in &table.indexes {
            let parts: Vec<String> = index.parts.iter().map(|part| self.part(table, index, part)).collect();
            let unique = if index.is_unique { "UNIQUE " } else { "" };
            let statement = format!(
                "CREATE {unique}INDEX {} ON {} ({})",
                name(engine, &index.name),
                spelled(engine, &target),
                parts.join(", ")
            );
            let question = match engine {
                Engine::MySql => format!(
                    "SELECT 1 FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = {} AND INDEX_NAME = {}",
                    text(engine, &target.name),
                    text(engine, &index.name)
                ),
                _ => self.there(&TableRef { schema: target.schema.clone(), name: index.name.clone() }),
            };
            let kind = if index.is_unique { Kind::UniqueKey } else { Kind::Index };
            let object = Object::new(kind, format!("{target}.{}", index.name));
            plan.after_load.push(Step::new(object, statement, Check::Query(question)));
        }
    }

    fn part(&self, table: &TableModel, index: &IndexModel, part: &super::model::IndexPart) -> String {
        let native = table.column(&part.column).and_then(|c| self.mapped(table, c)).map(|m| m.native);
        let is_long = native.is_some_and(|n| n.starts_with("long") || n == "json");
        let prefix = if self.is(Engine::MySql) && is_long && !index.is_unique { MYSQL_PREFIX } else { "" };
        let order = if part.descending { " DESC" } else { "" };
        format!("{}{prefix}{order}", name(self.to.engine, &part.column))
    }

    /// The foreign keys that can be had, with a warning for each of the others.
    fn sound_keys<'t>(&self, table: &'t TableModel, plan: &mut StructurePlan) -> Vec<&'t ForeignKeyModel> {
        let mut sound = Vec::new();
        for key in &table.foreign_keys {
            let of = object(Kind::ForeignKey, table, &key.name);
            let Some(parent) = self.parent(key) else {
                plan.warn(of, format!("it needs `{}`, which is not moved, and stays behind", key.parent));
                continue;
            };
            let same = |columns: &[String]| {
                columns.len() == key.parent_columns.len() && key.parent_columns.iter().all(|c| columns.contains(c))
            };
            let unique = parent.indexes.iter().filter(|i| i.is_unique);
            let mut unique = unique.map(|i| i.parts.iter().map(|p| p.column.clone()).collect::<Vec<_>>());
            if !same(&parent.primary) && !unique.any(|columns| same(&columns)) {
                plan.warn(of, "what it refers to is no key on the target, and it stays behind");
            } else if !self.alike(table, parent, key) {
                plan.warn(of, "the target wants both ends to be of one type, and it stays behind");
            } else {
                sound.push(key);
            }
        }
        sound
    }

    fn parent(&self, key: &ForeignKeyModel) -> Option<&TableModel> {
        let by_case = self.from.engine != Engine::Sqlite;
        let same = |t: &&TableModel| t.name.name.eq_ignore_ascii_case(&key.parent.name);
        self.model.table(&key.parent).or_else(|| self.model.tables.iter().find(same).filter(|_| !by_case))
    }

    /// Whether the columns' types may be tied: MySQL wants whole numbers of one width,
    /// PostgreSQL types that it can compare.
    fn alike(&self, table: &TableModel, parent: &TableModel, key: &ForeignKeyModel) -> bool {
        let family = |of: &TableModel, column: &str| {
            let native = of.column(column).and_then(|c| self.mapped(of, c)).map(|m| m.native)?;
            let base = native.split('(').next().unwrap_or_default();
            Some(match (self.to.engine, base) {
                (Engine::Postgres, "smallint" | "integer" | "bigint") => "integer".to_owned(),
                (Engine::Postgres, "text" | "character varying" | "character") => "text".to_owned(),
                (_, base) => base.to_owned(),
            })
        };
        let mut pairs = key.columns.iter().zip(&key.parent_columns);
        self.is(Engine::Sqlite) || pairs.all(|(a, b)| family(table, a) == family(parent, b))
    }

    fn foreign_key(&self, key: &ForeignKeyModel) -> String {
        let parent = self.parent(key).map_or_else(|| key.parent.clone(), |p| p.name.clone());
        // InnoDB knows no SET DEFAULT.
        let action =
            |a: &str| if self.is(Engine::MySql) && a == "SET DEFAULT" { "NO ACTION".to_owned() } else { a.to_owned() };
        format!(
            "CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({}) ON UPDATE {} ON DELETE {}",
            name(self.to.engine, &key.name),
            self.names(&key.columns),
            spelled(self.to.engine, &self.target(&parent)),
            self.names(&key.parent_columns),
            action(&key.on_update),
            action(&key.on_delete)
        )
    }

    fn foreign_keys(&self, table: &TableModel, plan: &mut StructurePlan) {
        let engine = self.to.engine;
        if engine == Engine::Sqlite {
            return;
        }
        let target = self.target(&table.name);
        for key in self.sound_keys(table, plan) {
            let of = Object::new(Kind::ForeignKey, format!("{target}.{}", key.name));
            if engine == Engine::MySql && [&key.on_update, &key.on_delete].iter().any(|a| *a == "SET DEFAULT") {
                plan.warn(of.clone(), "InnoDB has no SET DEFAULT: it is NO ACTION");
            }
            let schema = if engine == Engine::MySql {
                "DATABASE()".to_owned()
            } else {
                text(engine, target.schema.as_deref().unwrap_or("public"))
            };
            let question = format!(
                "SELECT 1 FROM information_schema.table_constraints WHERE constraint_schema = {schema} \
                 AND table_name = {} AND constraint_name = {}",
                text(engine, &target.name),
                text(engine, &key.name)
            );
            let statement = format!("ALTER TABLE {} ADD {}", spelled(engine, &target), self.foreign_key(key));
            plan.after_load.push(Step::new(of, statement, Check::Query(question)));
        }
    }

    fn comments(&self, table: &TableModel, plan: &mut StructurePlan) {
        let engine = self.to.engine;
        let target = self.target(&table.name);
        let any = table.comment.is_some() || table.columns.iter().any(|c| c.comment.is_some());
        if engine == Engine::Sqlite && any {
            plan.warn(Object::new(Kind::Comment, table.shown.clone()), "the target keeps no comments");
        }
        if engine != Engine::Postgres {
            return;
        }
        let of_table = table.comment.iter().map(|c| (format!("TABLE {}", spelled(engine, &target)), c));
        let of_columns = table.columns.iter().filter_map(|c| Some((c, c.comment.as_ref()?))).map(|(c, comment)| {
            (format!("COLUMN {}.{}", spelled(engine, &target), name(engine, &c.column.name)), comment)
        });
        for (on, comment) in of_table.chain(of_columns) {
            let statement = format!("COMMENT ON {on} IS {}", text(engine, comment));
            plan.after_load.push(Step::new(
                Object::new(Kind::Comment, target.to_string()),
                statement,
                Check::Repeatable,
            ));
        }
    }

    /// A question for a relation of the target.
    fn there(&self, relation: &TableRef) -> String {
        let engine = self.to.engine;
        let called = text(engine, &relation.name);
        match engine {
            Engine::MySql => {
                format!(
                    "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = {called}"
                )
            }
            Engine::Sqlite => format!("SELECT 1 FROM sqlite_schema WHERE name = {called} COLLATE NOCASE"),
            Engine::Postgres | Engine::SqlServer | Engine::MongoDb => format!(
                "SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                 WHERE n.nspname = {} AND c.relname = {called}",
                text(engine, relation.schema.as_deref().unwrap_or("public"))
            ),
        }
    }
}

fn object(kind: Kind, table: &TableModel, part: &str) -> Object {
    Object::new(kind, format!("{}.{part}", table.shown))
}
