-- The ordinary and partitioned tables of this database, as one JSON array.
-- Partitions are left out, as their parent is the table.
SELECT json_agg(json_build_object('schema', n.nspname, 'name', c.relname))::text
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p')
  AND NOT c.relispartition
  AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_'
  AND n.nspname <> 'information_schema'
  -- What CREATE EXTENSION made belongs to the extension.
  AND NOT EXISTS (
      SELECT FROM pg_depend d
      WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
  )
