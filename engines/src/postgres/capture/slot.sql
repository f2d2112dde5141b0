-- What there is of the stream whose publication is named $1, as one JSON object.
SELECT json_build_object(
    'slot_name', l.slot_name,
    'system', (SELECT c.system_identifier::text FROM pg_control_system() c),
    'standby', pg_is_in_recovery(),
    'log_end', l.log_end::text,
    'slot', (
        SELECT json_build_object(
            'pgoutput', s.plugin = 'pgoutput' AND s.slot_type = 'logical' AND s.database = current_database(),
            'active_pid', s.active_pid,
            'confirmed', s.confirmed_flush_lsn::text,
            'lost', s.wal_status = 'lost' OR s.restart_lsn IS NULL
        )
        FROM pg_replication_slots s
        WHERE s.slot_name = l.slot_name
    ),
    'publication', (
        SELECT json_build_object(
            'memory', obj_description(p.oid, 'pg_publication'),
            'whole', p.pubinsert AND p.pubupdate AND p.pubdelete AND p.pubtruncate AND p.pubviaroot,
            -- Row filters and column lists exist since PostgreSQL 15.
            'tables', (
                SELECT json_agg(json_build_object('schema', n.nspname, 'name', c.relname))
                FROM pg_publication_rel r
                JOIN pg_class c ON c.oid = r.prrelid
                JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE r.prpubid = p.oid
                  AND to_jsonb(r) ->> 'prqual' IS NULL AND to_jsonb(r) ->> 'prattrs' IS NULL
            )
        )
        FROM pg_publication p
        WHERE p.pubname = $1
    )
)::text
FROM (
    SELECT
        CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END AS log_end,
        $1 || '_' || d.oid AS slot_name
    FROM pg_database d
    WHERE d.datname = current_database()
) l
