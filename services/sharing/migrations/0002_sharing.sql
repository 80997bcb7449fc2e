-- Until now a tenant's row had the offer and its answer in one; from now on an offer is to a tenant, an account or a unit,
-- and an answer is a tenant's own.
INSERT INTO documents SELECT 'offer', m.id, CASE m.body ->> '$.state' WHEN 'REVOKED' THEN
    json_object(
        'state', 'REVOKED', 'image', m.body ->> '$.image', 'member', m.body ->> '$.member', 'owner', i.body ->> '$.owner',
        'offered', m.body ->> '$.updated', 'updated', m.body ->> '$.updated', 'revision', m.body -> '$.revision'
    ) ELSE json_object(
        'state', 'OFFERED', 'image', m.body ->> '$.image', 'member', m.body ->> '$.member', 'owner', i.body ->> '$.owner',
        'offered', m.body ->> '$.updated', 'updated', m.body ->> '$.updated', 'revision', m.body -> '$.revision',
        'since', 0, 'accepted', m.body ->> '$.state' = 'ACCEPTED', 'rejected', m.body ->> '$.state' = 'REJECTED'
    ) END
FROM documents AS m JOIN documents AS i ON i.kind = 'image' AND i.id = m.body ->> '$.image'
WHERE m.kind = 'member';

INSERT INTO documents SELECT 'answer', m.id, json_object(
    'image', m.body ->> '$.image', 'tenant', m.body ->> '$.member',
    'accepted', json(CASE m.body ->> '$.state' WHEN 'ACCEPTED' THEN 'true' ELSE 'false' END),
    'to', json_object(m.body ->> '$.member', 0),
    'updated', m.body ->> '$.updated', 'revision', m.body -> '$.revision'
) FROM documents AS m WHERE m.kind = 'member' AND m.body ->> '$.state' IN ('ACCEPTED', 'REJECTED');

-- All words about an image have revisions of one count now, above those that its members had each for itself.
UPDATE documents SET body = json_set(body, '$.revision', (
    SELECT max(m.body -> '$.revision') FROM documents AS m
    WHERE m.kind = 'member' AND m.id > documents.id || '/' AND m.id < documents.id || '0'
)) WHERE kind = 'image' AND EXISTS (
    SELECT 1 FROM documents AS m WHERE m.kind = 'member' AND m.id > documents.id || '/' AND m.id < documents.id || '0'
);

-- What holds is said again, once: others kept less of it.
INSERT INTO deadlines SELECT 'retold/' || (m.body ->> '$.image'), 0, CAST(json_object(
    'type', 'image.retold', 'image', m.body ->> '$.image', 'members', json_group_array(m.body ->> '$.member')
) AS BLOB), '' FROM documents AS m
WHERE m.kind = 'member' AND m.body ->> '$.state' <> 'REVOKED' GROUP BY m.body ->> '$.image';

DELETE FROM documents WHERE kind = 'member';

-- The offers of an image that hold, which are few beside those that are over.
CREATE INDEX offers_standing ON documents (id)
    WHERE kind = 'offer' AND json_extract(body, '$.state') = 'OFFERED';

-- What is offered to a principal, by age. The sort key is one expression, because SQLite does not seek in an index of
-- expressions by several at once.
CREATE INDEX offers_by_member ON documents (
    json_extract(body, '$.member'), json_extract(body, '$.offered') || '/' || json_extract(body, '$.image')
) WHERE kind = 'offer' AND json_extract(body, '$.state') = 'OFFERED';
CREATE VIEW offers AS SELECT
    json_extract(body, '$.member') AS member,
    json_extract(body, '$.offered') || '/' || json_extract(body, '$.image') AS place,
    json_extract(body, '$.image') AS image
FROM documents WHERE kind = 'offer' AND json_extract(body, '$.state') = 'OFFERED';
