//! Roles, where asked for: their attributes and memberships, without passwords,
//! which only a superuser may read and which are no structure.

use switchback_engines::Endpoint;

use super::{name, text};
use crate::structure::error::{Result, StructureError};
use crate::structure::plan::{Check, Kind, Object, Step, StructurePlan};

/// The first superuser is the server's own.
const QUESTION: &str = "
    SELECT r.rolname::text,
           concat_ws(' ',
               CASE WHEN r.rolsuper THEN 'SUPERUSER' ELSE 'NOSUPERUSER' END,
               CASE WHEN r.rolcreatedb THEN 'CREATEDB' END, CASE WHEN r.rolcreaterole THEN 'CREATEROLE' END,
               CASE WHEN r.rolinherit THEN 'INHERIT' ELSE 'NOINHERIT' END,
               CASE WHEN r.rolcanlogin THEN 'LOGIN' ELSE 'NOLOGIN' END,
               CASE WHEN r.rolreplication THEN 'REPLICATION' END, CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' END,
               CASE WHEN r.rolconnlimit >= 0 THEN 'CONNECTION LIMIT ' || r.rolconnlimit END),
           r.rolcanlogin::text
    FROM pg_roles r WHERE r.rolname !~ '^pg_' AND r.oid <> 10 ORDER BY r.rolname";

const MEMBERS: &str = "
    SELECT g.rolname::text, m.rolname::text, a.admin_option::text
    FROM pg_auth_members a JOIN pg_roles g ON g.oid = a.roleid JOIN pg_roles m ON m.oid = a.member
    WHERE m.rolname !~ '^pg_' AND m.oid <> 10 ORDER BY 1, 2";

pub(super) async fn add(source: &dyn Endpoint, plan: &mut StructurePlan) -> Result<()> {
    for row in source.look("reading the roles", QUESTION).await.map_err(StructureError::Source)? {
        let [Some(role), Some(attributes), can_login] = row.as_slice() else { continue };
        let object = Object::new(Kind::Role, role);
        let question = format!("SELECT 1 FROM pg_roles WHERE rolname = {}", text(role));
        let statement = format!("CREATE ROLE {} WITH {attributes}", name(role));
        if can_login.as_deref() == Some("true") {
            plan.warn(object.clone(), "it is created without a password");
        }
        plan.before_load.push(Step::new(object, statement, Check::Query(question)));
    }
    for row in source.look("reading the roles", MEMBERS).await.map_err(StructureError::Source)? {
        let [Some(group), Some(member), admin] = row.as_slice() else { continue };
        let with = if admin.as_deref() == Some("true") { " WITH ADMIN OPTION" } else { "" };
        let statement = format!("GRANT {} TO {}{with}", name(group), name(member));
        plan.before_load.push(Step::new(
            Object::new(Kind::Privilege, format!("{group} to {member}")),
            statement,
            Check::Repeatable,
        ));
    }
    Ok(())
}
