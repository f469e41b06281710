"""The SQL of the catalogue build, in the order in which it runs. Table names are those of one build.

`facts`, `held` and `listens_in` are views over Parquet; everything else is made here.
"""

from __future__ import annotations

SOURCE_RANK = """CREATE OR REPLACE MACRO source_rank(s) AS CASE
    WHEN s = 'musicbrainz' THEN 0 WHEN s = 'discogs' THEN 1
    WHEN s LIKE 'shelf-%' THEN 3 WHEN s LIKE 'listens%' OR s = 'listenbrainz' THEN 4 ELSE 2 END"""

# The newest claim of a key is current. A version that is held stays in, however many came after it.
CURRENT = """
CREATE TABLE withdrawn AS
    SELECT role AS kind, source, key, max(said_at) AS said_at FROM facts WHERE kind = 'withdrawn' GROUP BY ALL;
CREATE TABLE versions AS
    SELECT kind, source, key, stamp, max({'said_at': said_at, 'seq': seq}) AS v
    FROM facts WHERE kind <> 'withdrawn' GROUP BY ALL;
CREATE TABLE newest AS
    SELECT kind, source, key, max(v) AS v FROM versions GROUP BY ALL;
CREATE TABLE claims AS
    SELECT f.*, n.v = o.v AS is_current, coalesce(w.said_at >= f.said_at, FALSE) AS gone
    FROM facts f
    JOIN versions o ON o.kind = f.kind AND o.source = f.source AND o.key = f.key AND o.stamp = f.stamp
        AND o.v.seq = f.seq AND o.v.said_at = f.said_at
    JOIN newest n ON n.kind = f.kind AND n.source = f.source AND n.key = f.key
    LEFT JOIN withdrawn w ON w.kind = f.kind AND w.source = f.source AND w.key = f.key
    WHERE n.v = o.v OR EXISTS (
        SELECT 1 FROM held h WHERE f.kind = 'file' AND h.source = f.source AND h.key = f.key AND h.stamp = f.stamp);
"""

# A file's statements are its own, its deposit's and its shelf's. Technical companions follow the sound beside them.
STATEMENTS = """
CREATE TABLE texts AS
    SELECT DISTINCT md5(licences) AS digest, licences FROM claims WHERE licences IS NOT NULL;
CREATE TABLE of_deposit AS
    SELECT source, key AS deposit, md5(licences) AS d FROM claims WHERE kind = 'deposit' AND is_current;
CREATE TABLE of_shelf AS
    SELECT source, md5(licences) AS s FROM claims WHERE kind = 'shelf' AND is_current;
CREATE TABLE of_sound AS
    SELECT source, deposit, CASE WHEN count(DISTINCT coalesce(md5(licences), '')) = 1
        THEN any_value(md5(licences)) END AS f
    FROM claims WHERE kind = 'file' AND role = 'sound' GROUP BY ALL;
CREATE TABLE file_claims AS
    SELECT DISTINCT c.source, c.key, c.stamp, c.said_at, c.seq, c.deposit, c.role, c.format, c.size_bytes,
        c.is_current, c.gone, c.lossless, coalesce(md5(c.licences), CASE WHEN c.technical THEN o.f END) AS f, d.d, s.s
    FROM claims c
    LEFT JOIN of_deposit d ON d.source = c.source AND d.deposit = c.deposit
    LEFT JOIN of_shelf s ON s.source = c.source
    LEFT JOIN of_sound o ON o.source = c.source AND o.deposit = c.deposit
    WHERE c.kind = 'file' AND c.role <> 'listens';
CREATE TABLE combinations AS
    SELECT DISTINCT source, f, d, s FROM file_claims;
"""

# `verdicts` (source, f, d, s, statement, status, …) comes from the judge between these two.
# The same sound under statements that contradict each other is undecided, whichever copy is asked about: `contested`.
# `open_files` are the files that these tables may speak of.
VERDICTS = """
CREATE TABLE file_verdicts AS
    SELECT c.*, v.verdict
    FROM file_claims c JOIN verdicts v
        ON v.source = c.source AND v.f IS NOT DISTINCT FROM c.f AND v.d IS NOT DISTINCT FROM c.d
        AND v.s IS NOT DISTINCT FROM c.s;
CREATE TABLE contested AS
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
CREATE TABLE open_files AS
    SELECT c.* REPLACE (CASE WHEN h.sha512 IN (SELECT sha512 FROM contested) AND c.role = 'sound'
        THEN c.verdict + (SELECT (max(verdict) + 1) // 2 FROM verdicts) ELSE c.verdict END AS verdict)
    FROM file_verdicts c
    LEFT JOIN held h ON h.source = c.source AND h.key = c.key AND h.stamp = c.stamp;
DELETE FROM open_files WHERE {public} AND verdict NOT IN (SELECT verdict FROM verdicts WHERE publish);
"""

# `shown` is what is held, as far as these tables may tell. An object is told of in public only when every file that
# its `deposit.json` names is public, and every other object that it points at: names stand in all of them.
SHOWN = """
CREATE TABLE own AS
    SELECT object_id, source, key, stamp FROM held WHERE object_id NOT IN (SELECT object_id FROM told)
    UNION ALL SELECT object_id, source, key, stamp FROM told;
CREATE TABLE dark AS
    WITH RECURSIVE dark(object_id) AS (
        SELECT object_id FROM own o WHERE {public} AND NOT EXISTS (
            SELECT 1 FROM open_files j WHERE j.source = o.source AND j.key = o.key AND j.stamp = o.stamp)
        UNION
        SELECT t.object_id FROM told t JOIN dark d ON t.target = d.object_id)
    SELECT object_id FROM dark;
CREATE TABLE shown AS SELECT * FROM held WHERE object_id NOT IN (SELECT object_id FROM dark);
"""

# Which version is current is asked again of those that are left, as a stranger would who has no other claims.
JUDGED = """
CREATE TABLE judged AS
    SELECT * EXCLUDE (is_current, gone), newest AS is_current, gone OR NOT newest AS withdrawn
    FROM (SELECT *, {'said_at': said_at, 'seq': seq} = max({'said_at': said_at, 'seq': seq})
            OVER (PARTITION BY source, key) AS newest
        FROM open_files j WHERE is_current OR EXISTS (
            SELECT 1 FROM shown h WHERE h.source = j.source AND h.key = j.key AND h.stamp = j.stamp));
"""

# An earlier version of a file that is no longer the same recording has an id of its own, by key, NUL and stamp.
NODES = """
CREATE TABLE nodes AS
    SELECT (row_number() OVER (ORDER BY c.source, c.key, c.track_index, c.said_at, c.seq) - 1)::UINTEGER AS nid,
        c.* EXCLUDE (is_current, gone) REPLACE (CASE WHEN coalesce(j.is_current, TRUE) THEN c.recording_id
            ELSE unhex(substr(sha256(concat_ws(chr(0), 'lockgroove-1', 'recording', c.source,
                c.key || CASE WHEN c.track_index < 0 THEN '' ELSE printf('#%02d', c.track_index) END, c.stamp)), 1, 24))
            END AS recording_id),
        NOT coalesce(j.is_current, TRUE) AS superseded, coalesce(j.withdrawn, FALSE) AS withdrawn,
        h.sha512, c.isrcs[1] AS isrc, source_rank(c.source) AS source_rank
    FROM claims c
    LEFT JOIN judged j ON c.kind = 'file' AND j.source = c.source AND j.key = c.key AND j.stamp = c.stamp
    LEFT JOIN shown h ON c.kind = 'file' AND h.source = c.source AND h.key = c.key AND h.stamp = c.stamp
    WHERE (c.kind = 'file' AND c.role = 'sound' AND j.source IS NOT NULL)
        OR (c.kind = 'listened' AND c.is_current);
"""

# `grouped` (nid, root) comes from the components between these two. Best member first: rank, newest, bytes of the id.
MEMBERS = """
CREATE TABLE members AS
    SELECT n.*, g.root, {'rank': n.source_rank, 'superseded': n.superseded, 'id': n.recording_id} AS first_key,
        row_number() OVER (PARTITION BY g.root
            ORDER BY n.source_rank, n.withdrawn, n.said_at DESC, n.recording_id, n.nid) AS place
    FROM nodes n JOIN grouped g USING (nid);
CREATE TABLE credits AS
    SELECT artist_id, artist AS name, artist_fold AS fold, artist_mbid AS mbid, min(source_rank) AS source_rank
    FROM nodes WHERE artist_id IS NOT NULL GROUP BY ALL
    UNION ALL
    SELECT album_artist_id, coalesce(album_artist, artist), album_artist_fold, NULL,
        min(source_rank)
    FROM nodes WHERE album_artist_id IS NOT NULL AND album_artist_id IS DISTINCT FROM artist_id GROUP BY ALL;
CREATE TABLE artist_nodes AS
    SELECT (row_number() OVER (ORDER BY artist_id) - 1)::UINTEGER AS nid, artist_id, any_value(name) AS name,
        nullif(any_value(fold), '') AS fold, min(mbid) AS mbid, min(source_rank) AS source_rank
    FROM credits GROUP BY artist_id;
CREATE TABLE release_nodes AS
    SELECT (row_number() OVER (ORDER BY release_id) - 1)::UINTEGER AS nid, release_id,
        min(release_mbid) AS mbid, min(source_rank) AS source_rank,
        arg_min(album, nid) AS title, arg_min(coalesce(album_artist, artist), nid) AS artist,
        arg_min(album_artist_id, nid) AS artist_id, min(year) AS year, min(barcode) AS barcode, min(label) AS label
    FROM nodes WHERE release_id IS NOT NULL GROUP BY release_id;
"""

ARTISTS = """
CREATE TABLE artist_groups AS
    SELECT root, (arg_min(artist_id, {'r': source_rank, 'id': artist_id})) AS artist_id,
        arg_min(name, {'r': source_rank, 'id': artist_id}) AS name,
        arg_min(coalesce(fold, ''), {'r': source_rank, 'id': artist_id}) AS fold, min(mbid) AS mbid
    FROM artist_nodes JOIN artist_grouped USING (nid) GROUP BY root;
CREATE TABLE artists AS
    SELECT (row_number() OVER (ORDER BY fold, artist_id) - 1)::INTEGER AS artist_row, * FROM artist_groups;
CREATE TABLE artist_rows AS
    SELECT n.artist_id, a.artist_row FROM artist_nodes n JOIN artist_grouped g USING (nid) JOIN artists a USING (root);
"""

RELEASES = """
CREATE TABLE release_groups AS
    SELECT root, arg_min(release_id, {'r': source_rank, 'id': release_id}) AS release_id,
        arg_min(title, {'r': source_rank, 'id': release_id}) AS title,
        arg_min(artist, {'r': source_rank, 'id': release_id}) AS artist,
        arg_min(artist_id, {'r': source_rank, 'id': release_id}) AS artist_id,
        min(year) AS year, min(mbid) AS mbid, min(barcode) AS barcode, min(label) AS label
    FROM release_nodes JOIN release_grouped USING (nid) GROUP BY root;
CREATE TABLE releases AS
    SELECT (row_number() OVER (ORDER BY a.artist_row NULLS LAST, r.year NULLS LAST, r.title, r.release_id) - 1)::INTEGER
        AS release_row, r.*, a.artist_row
    FROM release_groups r LEFT JOIN artist_rows a USING (artist_id);
CREATE TABLE release_rows AS
    SELECT n.release_id, r.release_row
    FROM release_nodes n JOIN release_grouped g USING (nid) JOIN releases r USING (root);
"""

# A value is that of the best member that has one; listens are summed over the group's claims.
RECORDINGS = """
CREATE TABLE counted AS
    SELECT m.root, l.source, sum(l.listens)::BIGINT AS listens, sum(l.capped_listens)::BIGINT AS capped_listens,
        sum(l.listeners)::BIGINT AS listeners
    FROM listens_in l JOIN members m ON m.kind = 'listened' AND m.source = l.source AND m.key = l.subject
    GROUP BY ALL;
CREATE TABLE recording_groups AS
    SELECT root, arg_min(recording_id, first_key) AS recording_id,
        coalesce(arg_min(title, place) FILTER (title IS NOT NULL), '') AS title,
        arg_min(artist, place) FILTER (artist IS NOT NULL) AS artist,
        arg_min(artist_id, place) FILTER (artist_id IS NOT NULL) AS artist_id,
        arg_min(album_artist_id, place) FILTER (album_artist_id IS NOT NULL) AS album_artist_id,
        arg_min({'e': release_id, 'm': medium_number, 't': track_number}, place) FILTER (release_id IS NOT NULL) AS seat,
        arg_min(title_fold, place) AS title_fold,
        arg_min(duration_ms, place) FILTER (duration_ms IS NOT NULL) AS duration_ms,
        min(year) AS year, arg_min(isrc, place) FILTER (isrc IS NOT NULL) AS isrc,
        arg_min(recording_mbid, place) FILTER (recording_mbid IS NOT NULL) AS mbid,
        arg_min(composer, place) FILTER (composer IS NOT NULL) AS composer,
        arg_min(genre, place) FILTER (genre IS NOT NULL) AS genre, count(*)::INTEGER AS claims
    FROM members GROUP BY root;
CREATE TABLE recordings AS
    SELECT (row_number() OVER (ORDER BY coalesce(aa.artist_row, a.artist_row) NULLS LAST, e.release_row NULLS LAST,
            r.seat.m NULLS FIRST, r.seat.t NULLS LAST, r.title_fold, r.recording_id) - 1)::INTEGER AS recording_row,
        r.root, r.recording_id, r.title, a.artist_row, r.artist, e.release_row, r.seat.m AS medium_number,
        r.seat.t AS track_number, r.duration_ms, r.year, r.isrc, r.mbid, r.composer, r.genre,
        coalesce(c.listens, 0)::BIGINT AS listens, r.claims
    FROM recording_groups r
    LEFT JOIN artist_rows a USING (artist_id)
    LEFT JOIN artist_rows aa ON aa.artist_id = r.album_artist_id
    LEFT JOIN release_rows e ON e.release_id = r.seat.e
    LEFT JOIN (SELECT root, sum(listens) AS listens FROM counted GROUP BY root) c USING (root);
"""

FILES = """
CREATE TABLE rights AS
    SELECT (row_number() OVER (ORDER BY statement, stated, why, status, licence NULLS FIRST,
            uri NULLS FIRST, stream, publish, clause) - 1)::INTEGER AS rights_row, *
    FROM (SELECT DISTINCT verdict, statement, status, licence, uri, why, stream, publish, clause, stated
        FROM verdicts WHERE verdict IN (SELECT verdict FROM judged));
CREATE TABLE first_recording AS
    SELECT m.source, m.key, m.stamp, min(r.recording_row) AS recording_row, any_value(m.file_duration_ms) AS duration_ms
    FROM (SELECT *, max(duration_ms) OVER (PARTITION BY source, key, stamp) AS file_duration_ms FROM members) m
    JOIN recordings r USING (root) WHERE m.kind = 'file' GROUP BY ALL;
CREATE TABLE files AS
    SELECT (row_number() OVER (ORDER BY f.recording_row NULLS LAST, j.source, j.key, j.stamp, j.seq) - 1)::INTEGER AS file_row,
        j.source, j.key, j.stamp, j.deposit, j.role, j.format, coalesce(j.lossless, FALSE) AS lossless,
        coalesce(j.size_bytes, 0)::BIGINT AS size_bytes, f.duration_ms,
        h.sha512, h.object_id, h.path, r.rights_row, j.withdrawn, j.said_at AS gathered_at
    FROM judged j
    LEFT JOIN first_recording f ON f.source = j.source AND f.key = j.key AND f.stamp = j.stamp
    LEFT JOIN shown h ON h.source = j.source AND h.key = j.key AND h.stamp = j.stamp
    JOIN rights r USING (verdict);
CREATE TABLE tracks AS
    SELECT (row_number() OVER (ORDER BY e.release_row NULLS LAST, m.medium_number NULLS FIRST,
            m.track_number NULLS LAST, r.recording_row, m.track_id, m.seq) - 1)::INTEGER AS track_row,
        m.track_id, e.release_row, r.recording_row, m.medium_number, m.track_number, coalesce(m.title, '') AS title
    FROM members m JOIN recordings r USING (root) LEFT JOIN release_rows e ON e.release_id = m.release_id
    WHERE m.kind = 'file';
"""

ROWS = {
    "artists": "SELECT artist_id, name, mbid FROM artists ORDER BY artist_row",
    "releases": "SELECT release_id, title, artist_row, artist, year, mbid, barcode, label FROM releases"
    " ORDER BY release_row",
    "recordings": "SELECT recording_id, title, artist_row, artist, release_row, medium_number, track_number,"
    " duration_ms, year, isrc, mbid, composer, genre, listens, claims FROM recordings ORDER BY recording_row",
    "tracks": "SELECT track_id, release_row, recording_row, medium_number, track_number, title FROM tracks"
    " ORDER BY track_row",
    "files": "SELECT source, key, stamp, deposit, role, format, lossless, size_bytes, duration_ms, sha512,"
    " object_id, path, rights_row, withdrawn, gathered_at FROM files ORDER BY file_row",
    "holdings": "SELECT DISTINCT r.recording_row, f.file_row, m.start_ms, m.end_ms FROM members m"
    " JOIN recordings r USING (root) JOIN files f ON f.source = m.source AND f.key = m.key"
    " AND f.stamp = m.stamp WHERE m.kind = 'file' AND f.sha512 IS NOT NULL"
    " ORDER BY r.recording_row, f.file_row, m.start_ms NULLS FIRST, m.end_ms NULLS FIRST",
    "copies": "SELECT DISTINCT r.recording_row, f.file_row, m.start_ms, m.end_ms FROM members m"
    " JOIN recordings r USING (root) JOIN files f ON f.source = m.source AND f.key = m.key"
    " AND f.stamp = m.stamp WHERE m.kind = 'file'"
    " ORDER BY r.recording_row, f.file_row, m.start_ms NULLS FIRST, m.end_ms NULLS FIRST",
    "rights": "SELECT statement, status, licence, uri, why, stream, publish, clause, stated FROM rights"
    " ORDER BY rights_row",
    "listens": "SELECT r.recording_row, c.source, c.listens, c.capped_listens, c.listeners FROM counted c"
    " JOIN recordings r USING (root) ORDER BY r.recording_row, c.source",
    "matches": "SELECT DISTINCT r.recording_row, m.recording_id AS claim_id, m.source, m.key, e.rule, e.score"
    " FROM members m JOIN recordings r USING (root)"
    " LEFT JOIN (SELECT nid, arg_min(rule, rule) AS rule, arg_min(score, rule) AS score FROM edges GROUP BY nid) e"
    " USING (nid) ORDER BY r.recording_row, claim_id, m.source, m.key, e.rule NULLS FIRST",
}

# Every id of a group and every identifier leads to a row: scheme byte, value, row.
KEYS = """
    SELECT 'R' AS scheme, m.recording_id AS value, r.recording_row AS said_at FROM members m JOIN recordings r USING (root)
    UNION ALL SELECT 'T', track_id, track_row FROM tracks
    UNION ALL SELECT 'A', artist_id, artist_row FROM artist_rows
    UNION ALL SELECT 'E', release_id, release_row FROM release_rows
    UNION ALL SELECT 'I', unhex(substr(sha256(i), 1, 24)), recording_row
        FROM (SELECT DISTINCT unnest(m.isrcs) AS i, r.recording_row FROM members m JOIN recordings r USING (root))
    UNION ALL SELECT 'M', unhex(substr(sha256(m.recording_mbid), 1, 24)), r.recording_row
        FROM members m JOIN recordings r USING (root) WHERE m.recording_mbid IS NOT NULL
    UNION ALL SELECT 'D', unhex(substr(sha256(mbid), 1, 24)), release_row FROM releases WHERE mbid IS NOT NULL
    UNION ALL SELECT 'B', unhex(substr(sha256(barcode), 1, 24)), release_row FROM releases WHERE barcode IS NOT NULL
"""
