-- Images may hold their versions back from use until validations of them succeeded: `latest` leaves out those that have
-- not. What was recorded before counts too.
UPDATE documents SET body = json_set(body, '$.validated', json('true'))
WHERE kind = 'version' AND json_array_length(body, '$.validations') > 0
    AND EXISTS (
        SELECT 1 FROM json_each(body, '$.validations') WHERE json_extract(value, '$.status') = 'Succeeded')
    AND NOT EXISTS (
        SELECT 1 FROM json_each(body, '$.validations') WHERE json_extract(value, '$.status') = 'Failed');

DROP INDEX versions_usable;
DROP VIEW versions;
CREATE INDEX versions_usable ON documents (
    json_extract(body, '$.image'), json_extract(body, '$.usable'), json_extract(body, '$.rank'),
    NOT coalesce(json_extract(body, '$.excluded'), 0) AND NOT coalesce(json_extract(body, '$.life.disabled'), 0)
        AND coalesce(json_extract(body, '$.life.deprecation'), 'ACTIVE') = 'ACTIVE'
        AND json_extract(body, '$.life.removal.stage') IS NULL,
    NOT coalesce(json_extract(body, '$.publication.excluded'), 0)
        OR json_extract(body, '$.publication.number') <= coalesce(json_extract(body, '$.promoted'), 0),
    coalesce(json_extract(body, '$.validated'), 0)
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
    coalesce(json_extract(body, '$.validated'), 0) AS validated,
    coalesce(json_extract(body, '$.promoted'), 0) AS promoted,
    json_extract(body, '$.life.removal.stage') AS removal,
    coalesce(json_extract(body, '$.life.disabled'), 0) AS disabled,
    json_extract(body, '$.state') AS state,
    json_extract(body, '$.number') AS number,
    json_extract(body, '$.publication.number') AS publication,
    coalesce(json_extract(body, '$.publication.excluded'), 0) AS excluded,
    coalesce(json_extract(body, '$.publication.exceptions'), '{}') AS exceptions
FROM documents WHERE kind = 'version';
