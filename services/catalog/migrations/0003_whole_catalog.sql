-- The read side of the whole catalog: lists by any field, search, `latest` with its exceptions, the audit log.

-- These are made anew below.
DROP VIEW versions;
DROP INDEX versions_usable;
DROP INDEX versions_latest;

-- What is counted and kept from now on, of what is there already: the bytes of a version, the versions of an image,
-- what galleries and tenants hold, and which images a gallery has for retention policies to look at.
UPDATE documents SET body = json_set(body, '$.counted', (
    SELECT coalesce(sum(json_extract(value, '$.size')), 0) FROM json_each(body, '$.manifest.disks')
)) WHERE kind = 'version' AND json_type(body, '$.manifest') = 'object' AND json_type(body, '$.counted') IS NULL;
INSERT OR IGNORE INTO documents SELECT 'roster', image, json_object('versions', json_group_array(id))
FROM (
    SELECT json_extract(body, '$.image') AS image, id FROM documents
    WHERE kind = 'version' AND json_type(body, '$.manifest') = 'object' ORDER BY 1, 2
) GROUP BY image;
UPDATE documents AS i SET body = json_set(body, '$.versions', (
    SELECT json_array_length(r.body, '$.versions') FROM documents AS r WHERE r.kind = 'roster' AND r.id = i.id
)) WHERE kind = 'image' AND EXISTS (SELECT 1 FROM documents AS r WHERE r.kind = 'roster' AND r.id = i.id);
INSERT OR IGNORE INTO documents SELECT 'gallery', i.tenant || '/' || i.gallery, json_object(
    'id', lower(hex(randomblob(16))), 'tenant', i.tenant, 'name', i.gallery, 'created', min(i.created), 'revision', 1,
    'usage', json_object('images', count(*), 'versions', coalesce(sum(v.n), 0), 'bytes', coalesce(sum(v.bytes), 0)))
FROM (
    SELECT
        id,
        json_extract(body, '$.tenant') AS tenant,
        json_extract(body, '$.gallery') AS gallery,
        json_extract(body, '$.created') AS created
    FROM documents WHERE kind = 'image'
) AS i LEFT JOIN (
    SELECT
        json_extract(body, '$.image') AS image,
        count(*) AS n,
        sum(coalesce(json_extract(body, '$.counted'), 0)) AS bytes
    FROM documents WHERE kind = 'version' AND (
        json_type(body, '$.manifest') = 'object' OR json_extract(body, '$.state') IN ('PENDING', 'DEPLOYING_VM'))
    GROUP BY 1
) AS v ON v.image = i.id
GROUP BY i.tenant, i.gallery;
INSERT OR IGNORE INTO documents SELECT 'gallery_name', json_extract(body, '$.id'), json_object('id', id)
FROM documents WHERE kind = 'gallery';
INSERT OR IGNORE INTO documents SELECT 'tally', json_extract(body, '$.tenant'), json_object(
    'usage', json_object(
        'galleries', count(*),
        'images', sum(json_extract(body, '$.usage.images')),
        'versions', sum(json_extract(body, '$.usage.versions')),
        'bytes', sum(json_extract(body, '$.usage.bytes'))),
    'galleries', json_group_array(json_extract(body, '$.name')))
FROM documents WHERE kind = 'gallery' GROUP BY json_extract(body, '$.tenant');
INSERT OR IGNORE INTO documents SELECT
    'shelf', json_extract(i.body, '$.tenant') || '/' || json_extract(i.body, '$.gallery'),
    json_object('images', json_group_array(i.id))
FROM documents AS r CROSS JOIN documents AS i ON i.kind = 'image' AND i.id = r.id
WHERE r.kind = 'roster' GROUP BY 2;

-- Everything that images are listed by, one row for each value of each field: a list that filters by one field and a
-- list that sorts by it are both a walk along the primary key, whatever the field. `scope` says who can list the image:
-- its tenant, or `*` for everybody (the standard class); with `#` behind it are the hidden ones. A field without a value
-- has the empty text. Times are in milliseconds since 1970. Kept by triggers, because an image changes rarely and its
-- copies never touch it.
CREATE TABLE image_facts (
    scope TEXT NOT NULL,
    field TEXT NOT NULL,
    value NOT NULL,
    path  TEXT NOT NULL,
    image TEXT NOT NULL,
    PRIMARY KEY (scope, field, value, path, image)
) WITHOUT ROWID;
CREATE INDEX image_facts_by_image ON image_facts (image, field);

DROP VIEW images;
DROP INDEX images_by_path;
DROP INDEX images_by_state;

-- What the rows of `image_facts` are to be: what is stored there is filled and compared with this.
CREATE VIEW image_facts_now AS
WITH images AS NOT MATERIALIZED (
    SELECT
        id, body,
        CASE json_extract(body, '$.image_class')
            WHEN 'standard' THEN '*' ELSE json_extract(body, '$.tenant') END
        || CASE WHEN coalesce(json_extract(body, '$.details.hidden'), 0)
            OR coalesce(json_extract(body, '$.life.hidden'), 0) THEN '#' ELSE '' END AS scope,
        json_extract(body, '$.gallery') || '/' || json_extract(body, '$.name') AS path
    FROM documents WHERE kind = 'image'
)
SELECT i.scope, f.key AS field, f.value AS value, i.path, i.id AS image
FROM images AS i, json_each(json_object(
    'path', i.path,
    'gallery', json_extract(i.body, '$.gallery'),
    'name', json_extract(i.body, '$.name'),
    'tenant', json_extract(i.body, '$.tenant'),
    'state', CASE WHEN json_extract(i.body, '$.life.disabled') THEN 'DISABLED' ELSE json_extract(i.body, '$.state') END,
    'os_type', json_extract(i.body, '$.os_type'),
    'os_state', json_extract(i.body, '$.os_state'),
    'generation', json_extract(i.body, '$.generation'),
    'architecture', json_extract(i.body, '$.architecture'),
    'image_class', coalesce(json_extract(i.body, '$.image_class'), 'custom'),
    'visibility', CASE WHEN json_extract(i.body, '$.image_class') = 'standard' THEN 'public'
        WHEN json_array_length(i.body, '$.shared') > 0 THEN 'shared' ELSE 'private' END,
    'desktop_kind', coalesce(json_extract(i.body, '$.desktop_kind'), ''),
    'flavour', coalesce(json_extract(i.body, '$.flavour'), ''),
    'publisher', coalesce(json_extract(i.body, '$.identifier.publisher'), ''),
    'offer', coalesce(json_extract(i.body, '$.identifier.offer'), ''),
    'sku', coalesce(json_extract(i.body, '$.identifier.sku'), ''),
    'project', coalesce(json_extract(i.body, '$.details.project'), ''),
    'min_disk_gib', coalesce(json_extract(i.body, '$.details.min_disk_gib'), 0),
    'min_ram_mib', coalesce(json_extract(i.body, '$.details.min_ram_mib'), 0),
    'max_ram_mib', coalesce(json_extract(i.body, '$.details.max_ram_mib'), ''),
    'require_eula', coalesce(json_extract(i.body, '$.details.require_eula'), 0),
    'hidden', i.scope LIKE '%#',
    'protected', coalesce(json_extract(i.body, '$.life.protected'), 0),
    'deprecation', coalesce(json_extract(i.body, '$.life.deprecation'), 'ACTIVE'),
    'replacement', coalesce(json_extract(i.body, '$.life.replacement'), ''),
    'end_of_life', coalesce(CAST((julianday(coalesce(json_extract(i.body, '$.details.end_of_life'),
        json_extract(i.body, '$.life.end_of_life'))) - 2440587.5) * 86400000 + 0.5 AS INTEGER), ''),
    'created', CAST((julianday(json_extract(i.body, '$.created')) - 2440587.5) * 86400000 + 0.5 AS INTEGER),
    'updated', CAST((julianday(coalesce(json_extract(i.body, '$.updated'), json_extract(i.body, '$.created')))
        - 2440587.5) * 86400000 + 0.5 AS INTEGER),
    'versions', coalesce(json_extract(i.body, '$.versions'), 0),
    'revision', json_extract(i.body, '$.revision')
)) AS f
UNION ALL
SELECT i.scope, 'tag', CASE way.value WHEN 0 THEN t.key ELSE t.key || '=' || t.value END, i.path, i.id
FROM images AS i, json_each(coalesce(json_extract(i.body, '$.tags'), '{}')) AS t, json_each('[0,1]') AS way
UNION ALL
SELECT i.scope, 'properties.' || p.key, CASE p.type
    WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE CAST(p.value AS TEXT) END, i.path, i.id
FROM images AS i, json_each(coalesce(json_extract(i.body, '$.details.properties'), '{}')) AS p
UNION ALL
SELECT i.scope, CASE l.key
    WHEN 0 THEN 'hypervisors' WHEN 1 THEN 'gpu_types' WHEN 2 THEN 'capabilities' ELSE 'disallowed_disk_types' END,
    one.value, i.path, i.id
FROM images AS i, json_each(json_extract(
    i.body, '$.details.hypervisors', '$.details.gpu_types', '$.details.capabilities', '$.details.disallowed_disk_types'
)) AS l, json_each(coalesce(l.value, '[]')) AS one
UNION ALL
SELECT i.scope, 'features', json_extract(l.value, '$.name') || '=' || json_extract(l.value, '$.value'), i.path, i.id
FROM images AS i, json_each(coalesce(json_extract(i.body, '$.details.features'), '[]')) AS l;

-- What `text` is looked for in: gallery/name and description, by trigrams.
CREATE TABLE image_texts (
    n     INTEGER PRIMARY KEY,
    image TEXT NOT NULL UNIQUE,
    text  TEXT NOT NULL
);
CREATE VIRTUAL TABLE image_search USING fts5 (
    text, content = 'image_texts', content_rowid = 'n', tokenize = 'trigram', detail = 'none'
);
CREATE TRIGGER image_texts_added AFTER INSERT ON image_texts BEGIN
    INSERT INTO image_search (rowid, text) VALUES (new.n, new.text);
END;
CREATE TRIGGER image_texts_changed AFTER UPDATE ON image_texts BEGIN
    INSERT INTO image_search (image_search, rowid, text) VALUES ('delete', old.n, old.text);
    INSERT INTO image_search (rowid, text) VALUES (new.n, new.text);
END;
CREATE TRIGGER image_texts_removed AFTER DELETE ON image_texts BEGIN
    INSERT INTO image_search (image_search, rowid, text) VALUES ('delete', old.n, old.text);
END;

INSERT OR IGNORE INTO image_facts SELECT scope, field, value, path, image FROM image_facts_now;
INSERT INTO image_texts (image, text) SELECT
    id, json_extract(body, '$.gallery') || '/' || json_extract(body, '$.name') || char(10)
        || coalesce(json_extract(body, '$.description'), '')
FROM documents WHERE kind = 'image';

CREATE TRIGGER image_added AFTER INSERT ON documents WHEN new.kind = 'image' BEGIN
    INSERT INTO image_facts SELECT DISTINCT scope, field, value, path, image FROM image_facts_now
        WHERE image = new.id;
    INSERT INTO image_texts (image, text) VALUES (
        new.id, json_extract(new.body, '$.gallery') || '/' || json_extract(new.body, '$.name') || char(10)
            || coalesce(json_extract(new.body, '$.description'), ''));
END;
CREATE TRIGGER image_removed AFTER DELETE ON documents WHEN old.kind = 'image' BEGIN
    DELETE FROM image_facts WHERE image = old.id;
    DELETE FROM image_texts WHERE image = old.id;
END;
-- Each import changes these few.
CREATE TRIGGER image_moved AFTER UPDATE OF body ON documents WHEN new.kind = 'image' AND json_extract(
    old.body, '$.state', '$.updated', '$.versions', '$.revision'
) IS NOT json_extract(new.body, '$.state', '$.updated', '$.versions', '$.revision') BEGIN
    UPDATE image_facts SET value = now.value FROM (
        SELECT key AS field, value FROM json_each(json_object(
            'state', CASE WHEN json_extract(new.body, '$.life.disabled')
                THEN 'DISABLED' ELSE json_extract(new.body, '$.state') END,
            'updated', CAST((julianday(coalesce(json_extract(new.body, '$.updated'),
                json_extract(new.body, '$.created'))) - 2440587.5) * 86400000 + 0.5 AS INTEGER),
            'versions', coalesce(json_extract(new.body, '$.versions'), 0),
            'revision', json_extract(new.body, '$.revision')
        ))
    ) AS now WHERE image_facts.image = new.id AND image_facts.field = now.field AND image_facts.value <> now.value;
END;
-- The others change when somebody edits the image.
CREATE TRIGGER image_edited AFTER UPDATE OF body ON documents WHEN new.kind = 'image' AND json_extract(
    old.body, '$.gallery', '$.name', '$.tenant', '$.description', '$.image_class', '$.desktop_kind', '$.flavour',
    '$.identifier', '$.tags', '$.details', '$.life', '$.shared'
) IS NOT json_extract(
    new.body, '$.gallery', '$.name', '$.tenant', '$.description', '$.image_class', '$.desktop_kind', '$.flavour',
    '$.identifier', '$.tags', '$.details', '$.life', '$.shared'
) BEGIN
    DELETE FROM image_facts WHERE image = new.id AND (scope, field, value, path) NOT IN (
        SELECT scope, field, value, path FROM image_facts_now WHERE image = new.id);
    -- A trigger of an upsert cannot say OR IGNORE: what is there already is left out.
    INSERT INTO image_facts
        SELECT scope, field, value, path, image FROM image_facts_now WHERE image = new.id
        EXCEPT SELECT scope, field, value, path, image FROM image_facts WHERE image = new.id;
    UPDATE image_texts SET text = now.text FROM (
        SELECT json_extract(new.body, '$.gallery') || '/' || json_extract(new.body, '$.name') || char(10)
            || coalesce(json_extract(new.body, '$.description'), '') AS text
    ) AS now WHERE image_texts.image = new.id AND image_texts.text <> now.text;
END;

-- What `latest` means: usable, not excluded, not disabled, not deprecated, not on its way out. `eligible` is that but
-- for the terms of the publish: those may differ on a pod, and an edit takes back all up to the publish `promoted`.
CREATE INDEX versions_usable ON documents (
    json_extract(body, '$.image'), json_extract(body, '$.usable'), json_extract(body, '$.rank'),
    NOT coalesce(json_extract(body, '$.excluded'), 0) AND NOT coalesce(json_extract(body, '$.life.disabled'), 0)
        AND coalesce(json_extract(body, '$.life.deprecation'), 'ACTIVE') = 'ACTIVE'
        AND json_extract(body, '$.life.removal.stage') IS NULL,
    NOT coalesce(json_extract(body, '$.publication.excluded'), 0)
        OR json_extract(body, '$.publication.number') <= coalesce(json_extract(body, '$.promoted'), 0)
) WHERE kind = 'version';
CREATE VIEW versions AS SELECT
    id, body,
    json_extract(body, '$.image') AS image,
    json_extract(body, '$.rank') || '/' || id AS place,
    json_extract(body, '$.usable') AS usable,
    json_extract(body, '$.rank') AS rank,
    NOT coalesce(json_extract(body, '$.excluded'), 0) AND NOT coalesce(json_extract(body, '$.life.disabled'), 0)
        AND coalesce(json_extract(body, '$.life.deprecation'), 'ACTIVE') = 'ACTIVE'
        AND json_extract(body, '$.life.removal.stage') IS NULL AS eligible,
    NOT coalesce(json_extract(body, '$.publication.excluded'), 0)
        OR json_extract(body, '$.publication.number') <= coalesce(json_extract(body, '$.promoted'), 0) AS included,
    coalesce(json_extract(body, '$.promoted'), 0) AS promoted,
    json_extract(body, '$.life.removal.stage') AS removal,
    coalesce(json_extract(body, '$.life.disabled'), 0) AS disabled,
    json_extract(body, '$.state') AS state,
    json_extract(body, '$.number') AS number,
    json_extract(body, '$.publication.number') AS publication,
    coalesce(json_extract(body, '$.publication.excluded'), 0) AS excluded,
    coalesce(json_extract(body, '$.publication.exceptions'), '{}') AS exceptions
FROM documents WHERE kind = 'version';

-- Jobs, newest first: all of a tenant, those in a state, of a kind, of an image; and all by their last change.
DROP INDEX jobs_by_age;
DROP INDEX jobs_by_state;
DROP INDEX jobs_by_kind;
CREATE INDEX jobs_by_age ON documents (
    json_extract(body, '$.tenant'),
    CAST((julianday(json_extract(body, '$.created')) - 2440587.5) * 86400000 + 0.5 AS INTEGER), id
) WHERE kind = 'job';
CREATE INDEX jobs_by_state ON documents (
    json_extract(body, '$.tenant'), json_extract(body, '$.state'),
    CAST((julianday(json_extract(body, '$.created')) - 2440587.5) * 86400000 + 0.5 AS INTEGER), id
) WHERE kind = 'job';
CREATE INDEX jobs_by_kind ON documents (
    json_extract(body, '$.tenant'), json_extract(body, '$.kind'),
    CAST((julianday(json_extract(body, '$.created')) - 2440587.5) * 86400000 + 0.5 AS INTEGER), id
) WHERE kind = 'job';
CREATE INDEX jobs_by_image ON documents (
    json_extract(body, '$.tenant'), json_extract(body, '$.image'),
    CAST((julianday(json_extract(body, '$.created')) - 2440587.5) * 86400000 + 0.5 AS INTEGER), id
) WHERE kind = 'job';
CREATE INDEX jobs_by_change ON documents (
    json_extract(body, '$.tenant'),
    CAST((julianday(json_extract(body, '$.updated')) - 2440587.5) * 86400000 + 0.5 AS INTEGER), id
) WHERE kind = 'job';
DROP VIEW jobs;
CREATE VIEW jobs AS SELECT
    id, body,
    json_extract(body, '$.tenant') AS tenant,
    json_extract(body, '$.state') AS state,
    json_extract(body, '$.kind') AS task,
    json_extract(body, '$.image') AS image,
    CAST((julianday(json_extract(body, '$.created')) - 2440587.5) * 86400000 + 0.5 AS INTEGER) AS created,
    CAST((julianday(json_extract(body, '$.updated')) - 2440587.5) * 86400000 + 0.5 AS INTEGER) AS updated
FROM documents WHERE kind = 'job';

-- Jobs that there are already go when they are 90 days old, if the settings say nothing else by then.
INSERT OR IGNORE INTO deadlines SELECT
    'job/' || id, (julianday(json_extract(body, '$.created')) - 2440587.5 + 90) * 86400,
    CAST(json_object('type', 'job.aged', 'job', id) AS BLOB), ''
FROM documents WHERE kind = 'job';

CREATE INDEX assignments_by_name ON documents (
    json_extract(body, '$.tenant'), json_extract(body, '$.name')
) WHERE kind = 'assignment';
CREATE VIEW assignments AS SELECT
    id, body,
    json_extract(body, '$.tenant') AS tenant,
    json_extract(body, '$.name') AS name,
    json_extract(body, '$.image') AS image
FROM documents WHERE kind = 'assignment';

-- Every change with who made it, chained by hashes (contracts.audit).
CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY,
    at       REAL NOT NULL,
    tenant   TEXT NOT NULL,
    actor    TEXT NOT NULL,
    action   TEXT NOT NULL,
    about    TEXT NOT NULL,
    command  TEXT NOT NULL,
    before   TEXT NOT NULL,
    after    TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash     TEXT NOT NULL
);
CREATE INDEX audit_by_tenant ON audit (tenant, sequence);
CREATE INDEX audit_by_about ON audit (about, sequence);
CREATE INDEX audit_by_actor ON audit (actor, sequence);
