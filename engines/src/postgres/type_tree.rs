//! What a type of the catalog means, with all that it is made of.

use std::collections::HashMap;

use serde::Deserialize;

use super::types::{self, BaseType};
use crate::sql::POSTGRES_DOMAIN;
use crate::table::{Element, Field, Logical, Notation};

/// Types within types. The server lets no type hold itself, so this bounds only
/// what people have made by hand.
const DEPTH_MAX: u32 = 16;

/// One row of `pg_type` and what the type holds.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NativeType {
    oid: i64,
    schema: String,
    name: String,
    /// `typtype`.
    kind: String,
    /// A domain's own modifier, `-1` for none.
    modifier: i32,
    native: String,
    base: Option<i64>,
    element: Option<i64>,
    bound: Option<i64>,
    fields: Option<Vec<NativeField>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct NativeField {
    name: String,
    #[serde(rename = "type")]
    type_oid: i64,
    modifier: i32,
}

/// All types that the columns of one table are made of.
#[derive(Debug)]
pub(super) struct TypeTree {
    types: HashMap<i64, NativeType>,
    money_scale: u32,
}

impl TypeTree {
    pub(super) fn new(types: Vec<NativeType>, money_scale: u32) -> Self {
        Self { types: types.into_iter().map(|t| (t.oid, t)).collect(), money_scale }
    }

    /// What a column of the type means; `None` when any part of it has no meaning
    /// to this tool.
    pub(super) fn column(&self, oid: i64, modifier: i32) -> Option<Logical> {
        let logical = self.logical(oid, modifier, 0)?;
        readable(&logical, Place::Column).then_some(logical)
    }

    fn logical(&self, oid: i64, modifier: i32, depth: u32) -> Option<Logical> {
        let native = self.types.get(&oid).filter(|_| depth < DEPTH_MAX)?;
        match native.kind.as_str() {
            "d" => self.logical(native.base?, native.domain_modifier(modifier), depth + 1),
            "e" => Some(Logical::Enum),
            "r" => Some(Logical::Range { bound: self.element(native.bound?, -1, depth)? }),
            "m" => Some(Logical::Multirange { bound: self.element(native.bound?, -1, depth)? }),
            "c" => {
                let field = |f: &NativeField| {
                    let element = *self.element(f.type_oid, f.modifier, depth)?;
                    Some(Field { name: f.name.clone(), element })
                };
                // A composite may have no fields at all.
                let fields = native.fields.iter().flatten().map(field).collect::<Option<_>>()?;
                Some(Logical::Composite { fields })
            }
            "b" => match native.element {
                // An array has the modifier of its elements.
                Some(element) => Some(Logical::Array { element: self.element(element, modifier, depth)? }),
                None => types::logical(BaseType {
                    schema: &native.schema,
                    name: &native.name,
                    modifier,
                    money_scale: self.money_scale,
                }),
            },
            _ => None,
        }
    }

    fn element(&self, oid: i64, modifier: i32, depth: u32) -> Option<Box<Element>> {
        let logical = self.logical(oid, modifier, depth + 1)?;
        Some(Box::new(Element { native: self.native(oid)?, logical }))
    }

    /// As of a column: the base type, and the domain behind it.
    fn native(&self, oid: i64) -> Option<String> {
        let named = self.types.get(&oid)?;
        let mut base = named;
        while let Some(next) = base.base {
            base = self.types.get(&next)?;
        }
        if base.oid == oid {
            return Some(base.native.clone());
        }
        Some(format!("{}{POSTGRES_DOMAIN}{})", base.native, named.native))
    }
}

impl NativeType {
    /// A domain's modifier counts where it has one.
    fn domain_modifier(&self, outer: i32) -> i32 {
        if self.modifier >= 0 { self.modifier } else { outer }
    }
}

/// Where a type stands in the column's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Column,
    /// In an array that is the column's own type.
    Array,
    Deeper,
}

/// Whether the values can be selected in a form that can be read. The name of an
/// object is sent as a number of that database, so the server has to turn it into
/// text; of a column or an array it does that by a cast, deeper it can't.
fn readable(logical: &Logical, place: Place) -> bool {
    match logical {
        Logical::Notation { kind: Notation::ObjectName } => place != Place::Deeper,
        Logical::Array { element } => {
            readable(&element.logical, if place == Place::Column { Place::Array } else { Place::Deeper })
        }
        Logical::Range { bound } | Logical::Multirange { bound } => readable(&bound.logical, Place::Deeper),
        Logical::Composite { fields } => fields.iter().all(|f| readable(&f.element.logical, Place::Deeper)),
        _ => true,
    }
}
