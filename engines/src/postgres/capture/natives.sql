-- How this database calls the types $1 (an array of their numbers) with the
-- modifiers $2, in that order, as one JSON array; NULL for a type that is gone.
-- A column's type is described in the same words by describe.sql.
WITH RECURSIVE given AS (
    SELECT g.typid, g.modifier, g.place
    FROM unnest($1::text::oid[], $2::text::int4[]) WITH ORDINALITY AS g (typid, modifier, place)
),
resolved AS (
    SELECT g.place, g.typid, g.modifier FROM given g
    UNION ALL
    SELECT s.place, t.typbasetype, CASE WHEN t.typtypmod >= 0 THEN t.typtypmod ELSE s.modifier END
    FROM resolved s
    JOIN pg_type t ON t.oid = s.typid AND t.typtype = 'd'
)
SELECT coalesce(json_agg(
    CASE WHEN t.oid IS NOT NULL THEN json_build_object(
        'native', format_type(s.typid, s.modifier),
        'domain', CASE WHEN s.typid <> g.typid THEN format_type(g.typid, NULL) END
    ) END
    ORDER BY g.place
), '[]')::text
FROM given g
LEFT JOIN (resolved s JOIN pg_type t ON t.oid = s.typid AND t.typtype <> 'd') ON s.place = g.place
