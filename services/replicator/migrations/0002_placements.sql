-- Items by section: all rows are current, a section's are replaced when it was compared.
DROP TABLE items;
CREATE TABLE items (
    pod TEXT NOT NULL,
    section INTEGER NOT NULL,
    version TEXT NOT NULL,
    datastore TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (pod, section, version, datastore)
) WITHOUT ROWID;

-- Sums that are kept while copies move (meter.py), so that metrics cost the same over ten copies and a million.
CREATE TABLE tally (state TEXT PRIMARY KEY, copies INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE traffic (pod TEXT PRIMARY KEY, bytes INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE totals (name TEXT PRIMARY KEY, value NUMERIC NOT NULL) WITHOUT ROWID;
CREATE TABLE converged (bucket INTEGER PRIMARY KEY, publishes INTEGER NOT NULL);

-- Copies that are wanted and not AVAILABLE, and since when (epoch seconds).
CREATE TABLE behind (copy TEXT PRIMARY KEY, since REAL) WITHOUT ROWID;
CREATE INDEX behind_longest ON behind (since);
CREATE TRIGGER caught_up AFTER INSERT ON behind WHEN new.since IS NULL
BEGIN
    DELETE FROM behind WHERE copy = new.copy;
END;

-- Documents as they are from here on. A roster named pods; it names the copies that each is to have, by number.
UPDATE documents SET body = json_object(
    'wanted', (SELECT json_group_object(value, json_array(0)) FROM json_each(documents.body, '$.pods')),
    'known', (SELECT json_group_object(value, 1) FROM json_each(documents.body, '$.pods'))
) WHERE kind = 'roster';
UPDATE documents SET body = json_insert(
    body, '$.began', strftime('%Y-%m-%dT%H:%M:%SZ', 'now'), '$.heard', json_extract(body, '$.publication')
) WHERE kind = 'placement';
UPDATE documents SET body = json_insert(body, '$.made', json_extract(body, '$.publication')) WHERE kind = 'copy';

-- A pod named its unfinished copies; they are in its queue.
INSERT INTO documents
SELECT 'queue', pod, json_object('copies', json_group_object(id, json_array(
    version, replica, tenant, 2, updated,
    CASE WHEN state IN ('REPLICATING', 'FINALIZING') THEN 'running' WHEN state = 'PENDING' THEN 'queued' ELSE 'resting' END
)))
FROM (
    SELECT
        c.id AS id,
        json_extract(c.body, '$.pod') AS pod,
        json_extract(c.body, '$.version') AS version,
        json_extract(c.body, '$.replica') AS replica,
        json_extract(p.body, '$.tenant') AS tenant,
        json_extract(c.body, '$.updated') AS updated,
        json_extract(c.body, '$.state') AS state
    FROM documents AS c
    JOIN documents AS p ON p.kind = 'placement' AND p.id = json_extract(c.body, '$.version')
    WHERE c.kind = 'copy'
    ORDER BY updated
)
WHERE state IN ('PENDING', 'REPLICATING', 'RETRY_PENDING', 'FINALIZING', 'CORRUPT')
GROUP BY pod;
UPDATE documents SET body = json_remove(body, '$.waiting', '$.root') WHERE kind = 'pod';
DELETE FROM documents WHERE kind = 'inventory';

INSERT INTO tally SELECT json_extract(body, '$.state'), count(*) FROM documents WHERE kind = 'copy' GROUP BY 1;
INSERT INTO behind SELECT id, unixepoch(json_extract(body, '$.updated')) FROM documents
WHERE kind = 'copy'
AND json_extract(body, '$.state') IN ('PENDING', 'REPLICATING', 'RETRY_PENDING', 'FINALIZING', 'CORRUPT', 'FAILED');
