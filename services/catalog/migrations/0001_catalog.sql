-- The timeline of each job, in the order in which the catalog saw it.
CREATE TABLE timeline (
    seq     INTEGER PRIMARY KEY,
    saga    TEXT NOT NULL,
    id      TEXT NOT NULL,
    at      REAL NOT NULL,
    event   TEXT NOT NULL,
    speaker TEXT NOT NULL,
    body    TEXT NOT NULL
);
CREATE INDEX timeline_by_saga ON timeline (saga, seq);

-- Lists and look-ups by something else than the id. Each sort key is one expression, because SQLite does not seek in an
-- index of expressions by several at once. Copies need none: their ids begin with that of their version.
CREATE INDEX images_by_path ON documents (
    json_extract(body, '$.tenant'), json_extract(body, '$.gallery') || '/' || json_extract(body, '$.name')
) WHERE kind = 'image';
CREATE INDEX images_by_state ON documents (
    json_extract(body, '$.tenant'), json_extract(body, '$.state'),
    json_extract(body, '$.gallery') || '/' || json_extract(body, '$.name')
) WHERE kind = 'image';

CREATE INDEX versions_by_place ON documents (
    json_extract(body, '$.image'), json_extract(body, '$.rank') || '/' || id
) WHERE kind = 'version';
CREATE INDEX versions_usable ON documents (
    json_extract(body, '$.image'), json_extract(body, '$.usable'), json_extract(body, '$.rank')
) WHERE kind = 'version';

CREATE INDEX jobs_by_age ON documents (json_extract(body, '$.tenant'), id) WHERE kind = 'job';
CREATE INDEX jobs_by_state ON documents (
    json_extract(body, '$.tenant'), json_extract(body, '$.state'), id
) WHERE kind = 'job';
CREATE INDEX jobs_by_kind ON documents (
    json_extract(body, '$.tenant'), json_extract(body, '$.kind'), id
) WHERE kind = 'job';

-- The same expressions under names, so that queries read as SQL and still meet their indexes.
CREATE VIEW images AS SELECT
    id, body,
    json_extract(body, '$.tenant') AS tenant,
    json_extract(body, '$.state') AS state,
    json_extract(body, '$.gallery') || '/' || json_extract(body, '$.name') AS path
FROM documents WHERE kind = 'image';
CREATE VIEW versions AS SELECT
    id, body,
    json_extract(body, '$.image') AS image,
    json_extract(body, '$.rank') || '/' || id AS place,
    json_extract(body, '$.usable') AS usable,
    json_extract(body, '$.rank') AS rank,
    json_extract(body, '$.state') AS state,
    json_extract(body, '$.number') AS number
FROM documents WHERE kind = 'version';
CREATE VIEW copies AS SELECT id, body, json_extract(body, '$.state') AS state FROM documents WHERE kind = 'copy';
CREATE VIEW jobs AS SELECT
    id, body,
    json_extract(body, '$.tenant') AS tenant,
    json_extract(body, '$.state') AS state,
    json_extract(body, '$.kind') AS task,
    json_extract(body, '$.version') AS version
FROM documents WHERE kind = 'job';
