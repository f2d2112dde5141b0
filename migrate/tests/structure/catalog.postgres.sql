-- Every definition in the catalog, one a row, in the server's own words.
WITH mine AS (
    SELECT oid, nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'switchback')
), plain AS (
    SELECT p.* FROM pg_proc p WHERE NOT EXISTS (
        SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
)
SELECT 'schema', nspname::text, '' FROM mine
UNION ALL
SELECT 'extension', extname::text, extnamespace::regnamespace::text FROM pg_extension
UNION ALL
SELECT 'relation', c.oid::regclass::text, concat_ws(' ', c.relkind, c.relpersistence, c.reloptions::text, c.relreplident,
       c.relrowsecurity, c.relispopulated, pg_get_partkeydef(c.oid), pg_get_expr(c.relpartbound, c.oid),
       (SELECT string_agg(i.inhparent::regclass::text, ',') FROM pg_inherits i WHERE i.inhrelid = c.oid))
FROM pg_class c JOIN mine ON mine.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c')
UNION ALL
SELECT 'column', a.attrelid::regclass::text || '.' || a.attname, concat_ws(' ', format_type(a.atttypid, a.atttypmod),
       -- Its place, without those that were dropped.
       (SELECT count(*) FROM pg_attribute b WHERE b.attrelid = a.attrelid AND b.attnum BETWEEN 1 AND a.attnum AND NOT b.attisdropped),
       a.attnotnull, a.attidentity, a.attgenerated, coalesce(nullif(a.attstattarget, -1), -1),
       (SELECT collname FROM pg_collation l WHERE l.oid = a.attcollation), pg_get_expr(d.adbin, d.adrelid))
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN mine ON mine.oid = c.relnamespace
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
UNION ALL
SELECT 'constraint', coalesce(nullif(c.conrelid, 0)::regclass::text, c.contypid::regtype::text) || ' ' || c.conname,
       pg_get_constraintdef(c.oid) || ' ' || c.convalidated
FROM pg_constraint c JOIN mine ON mine.oid = c.connamespace WHERE c.contype NOT IN ('n', 't')
UNION ALL
SELECT 'index', i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) || ' ' || i.indisvalid FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid JOIN mine ON mine.oid = c.relnamespace
UNION ALL
SELECT 'view', c.oid::regclass::text, pg_get_viewdef(c.oid) FROM pg_class c JOIN mine ON mine.oid = c.relnamespace
WHERE c.relkind IN ('v', 'm')
UNION ALL
SELECT 'function', p.oid::regprocedure::text,
       CASE p.prokind WHEN 'a' THEN (SELECT a.aggtransfn::text || a.agginitval FROM pg_aggregate a WHERE a.aggfnoid = p.oid)
       ELSE pg_get_functiondef(p.oid) END
FROM plain p JOIN mine ON mine.oid = p.pronamespace
UNION ALL
SELECT 'trigger', t.tgrelid::regclass::text || '.' || t.tgname, pg_get_triggerdef(t.oid) || ' ' || t.tgenabled::text
FROM pg_trigger t WHERE NOT t.tgisinternal
UNION ALL
SELECT 'rule', r.ev_class::regclass::text || '.' || r.rulename, pg_get_ruledef(r.oid) FROM pg_rewrite r
JOIN pg_class c ON c.oid = r.ev_class JOIN mine ON mine.oid = c.relnamespace WHERE r.rulename <> '_RETURN'
UNION ALL
SELECT 'policy', p.polrelid::regclass::text || '.' || p.polname, pg_get_expr(p.polqual, p.polrelid) FROM pg_policy p
UNION ALL
SELECT 'enum', e.enumtypid::regtype::text, string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder) FROM pg_enum e GROUP BY 2
UNION ALL
SELECT 'domain', t.oid::regtype::text, concat_ws(' ', format_type(t.typbasetype, t.typtypmod), t.typnotnull, t.typdefault)
FROM pg_type t JOIN mine ON mine.oid = t.typnamespace WHERE t.typtype = 'd'
UNION ALL
SELECT 'range', g.rngtypid::regtype::text, g.rngsubtype::regtype::text FROM pg_range g
JOIN pg_type t ON t.oid = g.rngtypid JOIN mine ON mine.oid = t.typnamespace
UNION ALL
SELECT 'sequence', s.seqrelid::regclass::text, concat_ws(' ', s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqmin, s.seqmax,
       s.seqcache, s.seqcycle, pg_get_serial_sequence(d.refobjid::regclass::text, a.attname))
FROM pg_sequence s
LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.seqrelid AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
UNION ALL
SELECT 'collation', c.collname::text, c.collprovider::text FROM pg_collation c JOIN mine ON mine.oid = c.collnamespace
UNION ALL
SELECT 'operator', o.oid::regoperator::text, o.oprcode::text FROM pg_operator o JOIN mine ON mine.oid = o.oprnamespace
WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_operator'::regclass AND d.objid = o.oid AND d.deptype = 'e')
UNION ALL
SELECT 'cast', c.castsource::regtype::text, concat_ws(' ', c.casttarget::regtype, c.castfunc::regprocedure, c.castcontext)
FROM pg_cast c JOIN pg_type t ON t.oid = c.castsource JOIN mine ON mine.oid = t.typnamespace
UNION ALL
SELECT 'statistics', s.stxname::text, pg_get_statisticsobjdef(s.oid) FROM pg_statistic_ext s
UNION ALL
SELECT 'comment', i.identity, d.description FROM pg_description d
CROSS JOIN LATERAL pg_identify_object(d.classoid, d.objoid, d.objsubid) i
WHERE i.schema IN (SELECT nspname FROM mine) OR i.type = 'schema' AND i.name IN (SELECT nspname FROM mine)
   OR i.type LIKE '%constraint' AND i.identity LIKE '%public.%'
ORDER BY 1, 2, 3
