"""The SQL of files, of what is held of them and of their rights, in the order in which it runs.

`files_in`, `withdrawn_in`, `held` and `told` are views over Parquet, `file_members` comes from the recordings;
everything else is made here.
"""

from __future__ import annotations

# The newest claim of a key is current. A version that is held stays in, however many came after it.
CURRENT = """
CREATE OR REPLACE TABLE withdrawn AS
    SELECT kind, source, key, max(said_at) AS said_at FROM withdrawn_in GROUP BY ALL;
CREATE OR REPLACE TABLE versions AS
    SELECT kind, source, key, stamp, max({'said_at': said_at, 'seq': seq}) AS v FROM files_in GROUP BY ALL;
CREATE OR REPLACE TABLE newest AS
    SELECT kind, source, key, max(v) AS v FROM versions GROUP BY ALL;
CREATE OR REPLACE TABLE claims AS
    SELECT f.*, n.v = o.v AS is_current, coalesce(w.said_at >= f.said_at, FALSE) AS gone
    FROM files_in f
    JOIN versions o ON o.kind = f.kind AND o.source = f.source AND o.key = f.key AND o.stamp = f.stamp
        AND o.v.seq = f.seq AND o.v.said_at = f.said_at
    JOIN newest n ON n.kind = f.kind AND n.source = f.source AND n.key = f.key
    LEFT JOIN withdrawn w ON w.kind = f.kind AND w.source = f.source AND w.key = f.key
    WHERE n.v = o.v OR EXISTS (
        SELECT 1 FROM held h WHERE f.kind = 'file' AND h.source = f.source AND h.key = f.key AND h.stamp = f.stamp);
"""

# A file's statements are its own, its deposit's and its shelf's. Technical companions follow the sound beside them.
STATEMENTS = """
CREATE OR REPLACE TABLE texts AS
    SELECT DISTINCT md5(licences) AS digest, licences FROM claims WHERE licences IS NOT NULL;
CREATE OR REPLACE TABLE of_deposit AS
    SELECT source, key AS deposit, md5(licences) AS d FROM claims WHERE kind = 'deposit' AND is_current;
CREATE OR REPLACE TABLE of_shelf AS
    SELECT source, md5(licences) AS s FROM claims WHERE kind = 'shelf' AND is_current;
CREATE OR REPLACE TABLE of_sound AS
    SELECT source, deposit, CASE WHEN count(DISTINCT coalesce(md5(licences), '')) = 1
        THEN any_value(md5(licences)) END AS f
    FROM claims WHERE kind = 'file' AND role = 'sound' GROUP BY ALL;
CREATE OR REPLACE TABLE file_claims AS
    SELECT DISTINCT c.source, c.key, c.stamp, c.said_at, c.seq, c.deposit, c.role, c.format, c.size_bytes,
        c.is_current, c.gone, c.lossless, coalesce(md5(c.licences), CASE WHEN c.technical THEN o.f END) AS f, d.d, s.s
    FROM claims c
    LEFT JOIN of_deposit d ON d.source = c.source AND d.deposit = c.deposit
    LEFT JOIN of_shelf s ON s.source = c.source
    LEFT JOIN of_sound o ON o.source = c.source AND o.deposit = c.deposit
    WHERE c.kind = 'file' AND c.role <> 'listens';
CREATE OR REPLACE TABLE combinations AS
    SELECT DISTINCT source, f, d, s FROM file_claims;
"""

# `verdicts` (source, f, d, s, statement, status, …) comes from the judge between these two.
# The same sound under statements that contradict each other is undecided, whichever copy is asked about: `contested`.
# `open_files` are the files that these tables may speak of.
VERDICTS = """
CREATE OR REPLACE TABLE file_verdicts AS
    SELECT c.*, v.verdict
    FROM file_claims c JOIN verdicts v
        ON v.source = c.source AND v.f IS NOT DISTINCT FROM c.f AND v.d IS NOT DISTINCT FROM c.d
        AND v.s IS NOT DISTINCT FROM c.s;
CREATE OR REPLACE TABLE contested AS
    SELECT h.sha512
    FROM file_verdicts c JOIN held h ON h.source = c.source AND h.key = c.key AND h.stamp = c.stamp
    JOIN (SELECT DISTINCT verdict, status, publish, licence FROM verdicts) v USING (verdict)
    WHERE c.role = 'sound' AND v.status <> 'none'
    GROUP BY h.sha512
    HAVING bool_or(v.publish) AND (bool_or(NOT v.publish) OR count(DISTINCT v.licence) > 1);
INSERT INTO verdicts
    SELECT DISTINCT ON (verdict) * REPLACE (NULL AS source, 'undecided' AS status, NULL AS licence, NULL AS uri,
        'the same bytes stand elsewhere under a statement that contradicts this one: ' || why AS why,
        'Statements that contradict each other permit nothing.' AS clause, FALSE AS stream, FALSE AS publish,
        verdict + (SELECT max(verdict) + 1 FROM verdicts) AS verdict)
    FROM verdicts ORDER BY verdict;
CREATE OR REPLACE TABLE open_files AS
    SELECT c.* REPLACE (CASE WHEN h.sha512 IN (SELECT sha512 FROM contested) AND c.role = 'sound'
        THEN c.verdict + (SELECT (max(verdict) + 1) // 2 FROM verdicts) ELSE c.verdict END AS verdict)
    FROM file_verdicts c
    LEFT JOIN held h ON h.source = c.source AND h.key = c.key AND h.stamp = c.stamp;
DELETE FROM open_files WHERE {public} AND verdict NOT IN (SELECT verdict FROM verdicts WHERE publish);
"""

# `shown` is what is held, as far as these tables may tell. An object is told of in public only when every file that
# its `deposit.json` names is public, and every other object that it points at: names stand in all of them.
SHOWN = """
CREATE OR REPLACE TABLE own AS
    SELECT object_id, source, key, stamp FROM held WHERE object_id NOT IN (SELECT object_id FROM told)
    UNION ALL SELECT object_id, source, key, stamp FROM told;
CREATE OR REPLACE TABLE dark AS
    WITH RECURSIVE dark(object_id) AS (
        SELECT object_id FROM own o WHERE {public} AND NOT EXISTS (
            SELECT 1 FROM open_files j WHERE j.source = o.source AND j.key = o.key AND j.stamp = o.stamp)
        UNION
        SELECT t.object_id FROM told t JOIN dark d ON t.target = d.object_id)
    SELECT object_id FROM dark;
CREATE OR REPLACE TABLE shown AS SELECT * FROM held WHERE object_id NOT IN (SELECT object_id FROM dark);
"""

# Which version is current is asked again of those that are left, as a stranger would who has no other claims.
JUDGED = """
CREATE OR REPLACE TABLE judged AS
    SELECT * EXCLUDE (is_current, gone), newest AS is_current, gone OR NOT newest AS withdrawn
    FROM (SELECT *, {'said_at': said_at, 'seq': seq} = max({'said_at': said_at, 'seq': seq})
            OVER (PARTITION BY source, key) AS newest
        FROM open_files j WHERE is_current OR EXISTS (
            SELECT 1 FROM shown h WHERE h.source = j.source AND h.key = j.key AND h.stamp = j.stamp));
"""

FILES = """
CREATE OR REPLACE TABLE rights AS
    SELECT (row_number() OVER (ORDER BY statement, stated, why, status, licence NULLS FIRST,
            uri NULLS FIRST, stream, publish, clause) - 1)::INTEGER AS rights_row, *
    FROM (SELECT DISTINCT verdict, statement, status, licence, uri, why, stream, publish, clause, stated
        FROM verdicts WHERE verdict IN (SELECT verdict FROM judged));
CREATE OR REPLACE TABLE first_recording AS
    SELECT source, key, stamp, min(recording_row) AS recording_row, max(duration_ms) AS duration_ms
    FROM file_members GROUP BY ALL;
CREATE OR REPLACE TABLE files AS
    SELECT (row_number() OVER (ORDER BY f.recording_row NULLS LAST, j.source, j.key, j.stamp, j.seq) - 1)::INTEGER AS file_row,
        j.source, j.key, j.stamp, j.deposit, j.role, j.format, coalesce(j.lossless, FALSE) AS lossless,
        coalesce(j.size_bytes, 0)::BIGINT AS size_bytes, f.duration_ms,
        h.sha512, h.object_id, h.path, r.rights_row, j.withdrawn, j.said_at AS gathered_at
    FROM judged j
    LEFT JOIN first_recording f ON f.source = j.source AND f.key = j.key AND f.stamp = j.stamp
    LEFT JOIN shown h ON h.source = j.source AND h.key = j.key AND h.stamp = j.stamp
    JOIN rights r USING (verdict);
"""

_COPIES = """SELECT DISTINCT m.recording_row, f.file_row, m.start_ms, m.end_ms FROM file_members m
    JOIN files f ON f.source = m.source AND f.key = m.key AND f.stamp = m.stamp {where}
    ORDER BY m.recording_row, f.file_row, m.start_ms NULLS FIRST, m.end_ms NULLS FIRST"""

ROWS = {
    "files": "SELECT source, key, stamp, deposit, role, format, lossless, size_bytes, duration_ms, sha512,"
    " object_id, path, rights_row, withdrawn, gathered_at FROM files ORDER BY file_row",
    "holdings": _COPIES.format(where="WHERE f.sha512 IS NOT NULL"),
    "copies": _COPIES.format(where=""),
    "rights": "SELECT statement, status, licence, uri, why, stream, publish, clause, stated FROM rights"
    " ORDER BY rights_row",
}
