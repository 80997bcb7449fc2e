-- What `latest` means: usable, and not excluded by the terms of its publish.
CREATE INDEX versions_latest ON documents (
    json_extract(body, '$.image'),
    json_extract(body, '$.usable') AND NOT coalesce(json_extract(body, '$.publication.excluded'), 0),
    json_extract(body, '$.rank')
) WHERE kind = 'version';

DROP VIEW versions;
CREATE VIEW versions AS SELECT
    id, body,
    json_extract(body, '$.image') AS image,
    json_extract(body, '$.rank') || '/' || id AS place,
    json_extract(body, '$.usable') AS usable,
    json_extract(body, '$.usable') AND NOT coalesce(json_extract(body, '$.publication.excluded'), 0) AS latest,
    json_extract(body, '$.rank') AS rank,
    json_extract(body, '$.state') AS state,
    json_extract(body, '$.number') AS number,
    json_extract(body, '$.publication.number') AS publication,
    coalesce(json_extract(body, '$.publication.excluded'), 0) AS excluded,
    coalesce(json_extract(body, '$.publication.exceptions'), '{}') AS exceptions
FROM documents WHERE kind = 'version';

-- On a pod a copy is excluded by the publish that planned it; one of an earlier publish by the terms of the latest,
-- which hold from its acceptance on.
DROP VIEW copies;
CREATE VIEW copies AS SELECT
    id, body,
    json_extract(body, '$.state') AS state,
    json_extract(body, '$.publication') AS publication,
    coalesce(json_extract(body, '$.excluded'), 0) AS excluded
FROM documents WHERE kind = 'copy';

-- The sums of a version count all its copies, whichever publish planned them. What was stored with other sums is counted
-- anew from its copies.
UPDATE documents AS v SET body = json_set(
    body,
    '$.publication.targets', json_extract(body, '$.publication.wanted'),
    '$.publication.over', json(CASE WHEN json_extract(body, '$.state') IN ('PUBLISHING', 'REPLICATING')
        THEN 'false' ELSE 'true' END),
    '$.publication.available', (SELECT count(*) FROM copies AS c
        WHERE c.id > v.id || '_' AND c.id < v.id || '`' AND c.state = 'AVAILABLE'),
    '$.publication.failed', (SELECT count(*) FROM copies AS c
        WHERE c.id > v.id || '_' AND c.id < v.id || '`' AND c.state = 'FAILED' AND c.publication > 0),
    '$.publication.skipped', (SELECT count(*) FROM copies AS c
        WHERE c.id > v.id || '_' AND c.id < v.id || '`' AND c.state = 'SKIPPED' AND c.publication > 0),
    '$.publication.missing', (SELECT count(*) FROM copies AS c
        WHERE c.id > v.id || '_' AND c.id < v.id || '`' AND c.state = 'LOST'),
    '$.publication.moving', (SELECT count(*) FROM copies AS c
        WHERE c.id > v.id || '_' AND c.id < v.id || '`' AND c.state IN ('PENDING', 'REPLICATING', 'RETRY_PENDING')),
    '$.publication.open', (SELECT count(*) FROM copies AS c
        WHERE c.id > v.id || '_' AND c.id < v.id || '`' AND c.publication = json_extract(v.body, '$.publication.number')
        AND c.state IN ('PENDING', 'REPLICATING', 'RETRY_PENDING', 'LOST')),
    '$.publication.unmade', (SELECT count(*) FROM copies AS c
        WHERE c.id > v.id || '_' AND c.id < v.id || '`' AND c.publication = json_extract(v.body, '$.publication.number')
        AND c.state = 'FAILED')
) WHERE kind = 'version' AND json_type(body, '$.publication') = 'object';
