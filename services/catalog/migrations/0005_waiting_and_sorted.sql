-- Imports that wait for their pod, in the order in which it takes them.
CREATE INDEX versions_waiting ON documents (
    json_extract(body, '$.source.pod'), id
) WHERE kind = 'version' AND json_extract(body, '$.state') = 'PENDING';
CREATE VIEW waiting_versions AS SELECT
    id, json_extract(body, '$.source.pod') AS pod
FROM documents WHERE kind = 'version' AND json_extract(body, '$.state') = 'PENDING';

-- Everything that assignments are sorted by, but their names: one row for each field, so that any order is a walk along
-- the primary key. Kept by triggers; a number of a version is as a text that sorts like it.
CREATE TABLE assignment_facts (
    tenant TEXT NOT NULL,
    field  TEXT NOT NULL,
    value  NOT NULL,
    name   TEXT NOT NULL,
    id     TEXT NOT NULL,
    PRIMARY KEY (tenant, field, value, name, id)
) WITHOUT ROWID;
CREATE INDEX assignment_facts_by_assignment ON assignment_facts (id, field);

-- What the rows are to be.
CREATE VIEW assignment_facts_now AS SELECT
    json_extract(a.body, '$.tenant') AS tenant, f.key AS field, f.value AS value,
    json_extract(a.body, '$.name') AS name, a.id AS id
FROM documents AS a, json_each(json_object(
    'tenant', json_extract(a.body, '$.tenant'),
    'image', json_extract(a.body, '$.image'),
    'gallery', json_extract(a.body, '$.gallery'),
    'image_name', json_extract(a.body, '$.image_name'),
    'marker', json_extract(a.body, '$.marker'),
    'version', json_extract(a.body, '$.version'),
    'number', printf('%09d%09d%09d',
        json_extract('[' || replace(json_extract(a.body, '$.number'), '.', ',') || ']', '$[0]'),
        json_extract('[' || replace(json_extract(a.body, '$.number'), '.', ',') || ']', '$[1]'),
        json_extract('[' || replace(json_extract(a.body, '$.number'), '.', ',') || ']', '$[2]')),
    'kind', json_extract(a.body, '$.kind'),
    'state', json_extract(a.body, '$.state'),
    'job', json_extract(a.body, '$.job'),
    'host_name', coalesce(json_extract(a.body, '$.customisation.host_name'), ''),
    'vm_kind', coalesce(json_extract(a.body, '$.shape.vm_kind'), ''),
    'vcpus', coalesce(json_extract(a.body, '$.shape.vcpus'), ''),
    'memory_mib', coalesce(json_extract(a.body, '$.shape.memory_mib'), ''),
    'disk_gib', coalesce(json_extract(a.body, '$.shape.disk_gib'), ''),
    'disks', coalesce(json_array_length(a.body, '$.disks'), 0),
    'seats', CASE json_extract(a.body, '$.kind')
        WHEN 'endpoint' THEN json_array_length(a.body, '$.endpoints') ELSE json_extract(a.body, '$.seats') END,
    'revision', json_extract(a.body, '$.revision'),
    'created', CAST((julianday(json_extract(a.body, '$.created')) - 2440587.5) * 86400000 + 0.5 AS INTEGER),
    'updated', CAST((julianday(json_extract(a.body, '$.updated')) - 2440587.5) * 86400000 + 0.5 AS INTEGER)
)) AS f WHERE a.kind = 'assignment';

INSERT INTO assignment_facts SELECT tenant, field, value, name, id FROM assignment_facts_now;

CREATE TRIGGER assignment_added AFTER INSERT ON documents WHEN new.kind = 'assignment' BEGIN
    INSERT INTO assignment_facts SELECT tenant, field, value, name, id FROM assignment_facts_now WHERE id = new.id;
END;
CREATE TRIGGER assignment_removed AFTER DELETE ON documents WHEN old.kind = 'assignment' BEGIN
    DELETE FROM assignment_facts WHERE id = old.id;
END;
-- Each report of a pool changes these few.
CREATE TRIGGER assignment_moved AFTER UPDATE OF body ON documents WHEN new.kind = 'assignment' BEGIN
    UPDATE assignment_facts SET value = now.value FROM (
        SELECT key AS field, value FROM json_each(json_object(
            'state', json_extract(new.body, '$.state'),
            'job', json_extract(new.body, '$.job'),
            'revision', json_extract(new.body, '$.revision'),
            'updated', CAST((julianday(json_extract(new.body, '$.updated')) - 2440587.5) * 86400000 + 0.5 AS INTEGER)
        ))
    ) AS now WHERE assignment_facts.id = new.id AND assignment_facts.field = now.field
        AND assignment_facts.value <> now.value;
END;
-- The others change with what is asked for.
CREATE TRIGGER assignment_edited AFTER UPDATE OF body ON documents WHEN new.kind = 'assignment' AND json_extract(
    old.body, '$.image', '$.marker', '$.version', '$.seats', '$.endpoints', '$.shape', '$.disks', '$.customisation'
) IS NOT json_extract(
    new.body, '$.image', '$.marker', '$.version', '$.seats', '$.endpoints', '$.shape', '$.disks', '$.customisation'
) BEGIN
    UPDATE assignment_facts SET value = now.value FROM (
        SELECT field, value FROM assignment_facts_now WHERE id = new.id
    ) AS now WHERE assignment_facts.id = new.id AND assignment_facts.field = now.field
        AND assignment_facts.value <> now.value;
END;
CREATE VIEW assignment_places AS SELECT
    f.id AS id, a.body AS body, f.tenant AS tenant, f.field AS field, f.value AS value, f.name AS name
FROM assignment_facts AS f CROSS JOIN documents AS a ON a.kind = 'assignment' AND a.id = f.id;
