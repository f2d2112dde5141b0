-- What arming has to know, as one JSON object: of the server, and of each table
-- in the JSON array $1 with all of its partitions. $2 is our own publication.
SELECT json_build_object(
    'wal_level', current_setting('wal_level'),
    'slots_free', current_setting('max_replication_slots')::int8 - (SELECT count(*) FROM pg_replication_slots),
    'senders_free', current_setting('max_wal_senders')::int8
        - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'walsender'),
    'relations', (
        SELECT json_agg(json_build_object(
            'place', g.place - 1, 'schema', pn.nspname, 'name', pc.relname, 'kind', pc.relkind,
            'persistence', pc.relpersistence, 'identity', pc.relreplident, 'root', pc.oid = c.oid,
            'shared', EXISTS (
                SELECT
                FROM pg_publication p
                WHERE p.pubname <> $2
                  AND (p.puballtables OR EXISTS (
                      SELECT FROM pg_publication_rel r WHERE r.prpubid = p.oid AND r.prrelid IN (pc.oid, c.oid)
                  ))
            )
        ) ORDER BY g.place)
        FROM json_array_elements($1::text::json) WITH ORDINALITY AS g (table_name, place)
        JOIN pg_namespace n ON n.nspname = g.table_name ->> 'schema'
        JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = g.table_name ->> 'name' AND c.relkind IN ('r', 'p')
        CROSS JOIN LATERAL (
            SELECT c.oid
            UNION
            SELECT t.relid FROM pg_partition_tree(c.oid) t
        ) part (oid)
        JOIN pg_class pc ON pc.oid = part.oid
        JOIN pg_namespace pn ON pn.oid = pc.relnamespace
    )
)::text
