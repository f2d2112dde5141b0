-- One table ($1 schema, $2 name) as one JSON object; no row when there is none.
-- Names stand without a schema, as the session's search path is pg_catalog alone.
WITH RECURSIVE relation AS (
    SELECT c.oid, c.relkind
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p')
),
-- Each column with the chain of domains that its type goes through: the rows
-- whose type is no domain are the end of it. A domain's modifier counts where
-- it has one.
resolved AS (
    SELECT a.attnum, a.atttypid AS typid, a.atttypmod AS modifier, false AS domain_not_null
    FROM relation r
    JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT s.attnum, t.typbasetype,
           CASE WHEN t.typtypmod >= 0 THEN t.typtypmod ELSE s.modifier END,
           s.domain_not_null OR t.typnotnull
    FROM resolved s
    JOIN pg_type t ON t.oid = s.typid AND t.typtype = 'd'
),
-- Every type that a column is made of, through arrays, domains, ranges and
-- composites, with what each of them holds.
made_of AS (
    SELECT s.typid FROM resolved s
    UNION
    SELECT part.typid
    FROM made_of m
    JOIN pg_type t ON t.oid = m.typid
    CROSS JOIN LATERAL (
        SELECT t.typbasetype WHERE t.typtype = 'd'
        -- Of fixed length are the types that only look like arrays: a point has
        -- elements, and so has a name.
        UNION ALL SELECT t.typelem WHERE t.typelem <> 0 AND t.typlen = -1
        UNION ALL SELECT g.rngsubtype FROM pg_range g WHERE t.oid IN (g.rngtypid, g.rngmultitypid)
        UNION ALL
        SELECT a.atttypid
        FROM pg_attribute a
        WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
    ) AS part (typid)
),
types AS (
    SELECT t.oid, n.nspname, t.typname, t.typtype, t.typtypmod, format_type(t.oid, NULL) AS native,
           CASE WHEN t.typtype = 'd' THEN t.typbasetype::int8 END AS base,
           CASE WHEN t.typelem <> 0 AND t.typlen = -1 THEN t.typelem::int8 END AS element,
           (SELECT g.rngsubtype::int8 FROM pg_range g WHERE t.oid IN (g.rngtypid, g.rngmultitypid)) AS bound,
           (SELECT json_agg(json_build_object('name', a.attname, 'type', a.atttypid::int8, 'modifier', a.atttypmod)
                            ORDER BY a.attnum)
            FROM pg_attribute a
            WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) AS fields
    FROM made_of m
    JOIN pg_type t ON t.oid = m.typid
    JOIN pg_namespace n ON n.oid = t.typnamespace
),
-- The database's own collation: where its name is kept differs by version.
default_collation AS (
    SELECT CASE d.entry ->> 'datlocprovider'
               WHEN 'i' THEN coalesce(d.entry ->> 'datlocale', d.entry ->> 'daticulocale') || ' (icu)'
               WHEN 'b' THEN (d.entry ->> 'datlocale') || ' (builtin)'
               ELSE d.entry ->> 'datcollate'
           END AS name
    FROM (
        SELECT to_jsonb(d) AS entry
        FROM pg_database d
        WHERE d.datname = current_database()
    ) d
),
described AS (
    SELECT a.attnum, a.attname, a.attnotnull, a.attgenerated <> '' AS generated,
           format_type(s.typid, s.modifier) AS native,
           CASE WHEN s.typid <> a.atttypid THEN format_type(a.atttypid, NULL) END AS domain,
           s.typid, t.typlen, s.modifier, s.domain_not_null,
           CASE
               WHEN a.attcollation = 0 THEN NULL
               WHEN co.collname = 'default' AND cn.nspname = 'pg_catalog' THEN (SELECT name FROM default_collation)
               ELSE CASE WHEN cn.nspname <> 'pg_catalog' THEN cn.nspname || '.' ELSE '' END
                    || co.collname
                    || CASE WHEN co.collisdeterministic THEN '' ELSE ' (nondeterministic)' END
           END AS collation_name
    FROM relation r
    JOIN pg_attribute a ON a.attrelid = r.oid
    JOIN resolved s ON s.attnum = a.attnum
    JOIN pg_type t ON t.oid = s.typid AND t.typtype <> 'd'
    LEFT JOIN pg_collation co ON co.oid = a.attcollation
    LEFT JOIN pg_namespace cn ON cn.oid = co.collnamespace
),
keys AS (
    SELECT i.indexrelid, ic.relname, i.indisprimary,
           (SELECT json_agg(k.attnum ORDER BY k.place)
            FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
            WHERE k.place <= i.indnkeyatts) AS columns
    FROM relation r
    JOIN pg_index i ON i.indrelid = r.oid
    JOIN pg_class ic ON ic.oid = i.indexrelid
    WHERE i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL
      -- Another operator class or collation than the column's own may tell
      -- apart what the column's comparison does not.
      AND NOT EXISTS (
          SELECT
          FROM unnest(i.indkey::int2[], i.indclass::oid[],
                                 i.indcollation::oid[])
               WITH ORDINALITY AS k (attnum, class, collation_oid, place)
          JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum = k.attnum
          JOIN pg_opclass o ON o.oid = k.class
          WHERE k.place <= i.indnkeyatts AND (NOT o.opcdefault OR k.collation_oid <> a.attcollation)
      )
),
foreign_keys AS (
    SELECT c.oid, c.conkey, pn.nspname AS parent_schema, pc.relname AS parent_name
    FROM relation r
    JOIN pg_constraint c ON c.conrelid = r.oid AND c.contype = 'f'
    JOIN pg_class pc ON pc.oid = c.confrelid
    JOIN pg_namespace pn ON pn.oid = pc.relnamespace
    -- A key to a partitioned table has copies, one for each partition.
    WHERE NOT EXISTS (
        SELECT FROM pg_constraint p WHERE p.oid = c.conparentid AND p.conrelid = c.conrelid
    )
),
-- The relations that hold the rows.
leaf AS (
    SELECT r.oid FROM relation r WHERE r.relkind = 'r'
    UNION ALL
    SELECT p.relid::oid
    FROM relation r, LATERAL pg_partition_tree(r.oid) p
    WHERE r.relkind = 'p' AND p.isleaf
),
-- A row's length as the planner guesses it where nothing was analysed.
width AS (
    SELECT 28 + coalesce(sum(CASE WHEN d.typlen > 0 THEN d.typlen ELSE 32 END), 0) AS bytes FROM described d
),
-- As the planner does it: rows a page from the statistics times the pages that
-- there are now.
size AS (
    SELECT sum(CASE
               WHEN c.relkind = 'f' THEN greatest(c.reltuples, 0)
               WHEN c.reltuples >= 0 AND c.relpages > 0 THEN c.reltuples::float8 / c.relpages * f.pages
               ELSE f.pages * f.block_size / w.bytes
           END) AS rows,
           sum(pg_table_size(c.oid)) AS bytes
    FROM leaf l
    JOIN pg_class c ON c.oid = l.oid
    CROSS JOIN width w
    CROSS JOIN LATERAL (
        SELECT b.size AS block_size, coalesce(pg_relation_size(c.oid), 0)::float8 / b.size AS pages
        FROM (SELECT current_setting('block_size')::int4 AS size) b
    ) f
)
SELECT json_build_object(
    'partitioned', r.relkind = 'p',
    'money_scale', CASE WHEN EXISTS (SELECT FROM types y WHERE y.oid = 'money'::regtype)
                        THEN scale('0'::money::numeric) END,
    'row_estimate', (SELECT s.rows::float8 FROM size s),
    'bytes_estimate', (SELECT s.bytes::float8 FROM size s),
    'columns', (
        SELECT json_agg(json_build_object(
            'number', d.attnum, 'name', d.attname, 'native', d.native, 'domain', d.domain,
            'type', d.typid::int8, 'modifier', d.modifier,
            'not_null', d.attnotnull, 'domain_not_null', d.domain_not_null,
            'generated', d.generated, 'collation', d.collation_name
        ) ORDER BY d.attnum)
        FROM described d
    ),
    'types', (
        SELECT json_agg(json_build_object(
            'oid', y.oid::int8, 'schema', y.nspname, 'name', y.typname, 'kind', y.typtype, 'modifier', y.typtypmod,
            'native', y.native, 'base', y.base, 'element', y.element, 'bound', y.bound, 'fields', y.fields
        ))
        FROM types y
    ),
    'keys', (
        SELECT json_agg(json_build_object(
            'name', k.relname, 'primary', k.indisprimary, 'columns', k.columns
        ) ORDER BY k.relname)
        FROM keys k
    ),
    'foreign_keys', (
        SELECT json_agg(json_build_object(
            'columns', to_json(f.conkey), 'parent_schema', f.parent_schema, 'parent_name', f.parent_name
        ) ORDER BY f.oid)
        FROM foreign_keys f
    ),
    'children', (
        SELECT json_agg(json_build_object('schema', n.nspname, 'name', c.relname) ORDER BY n.nspname, c.relname)
        FROM pg_inherits i
        JOIN pg_class c ON c.oid = i.inhrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE i.inhparent = r.oid AND r.relkind = 'r' AND c.relpersistence <> 't'
    )
)::text
FROM relation r
