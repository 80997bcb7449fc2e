-- What names an account or a unit is counted from now on, and what a user or a service account was granted is listed:
-- nothing of it is left to somebody who has the name later.
INSERT INTO documents SELECT 'held', principal, json_object('count', count(*)) FROM (
    SELECT json_extract(body, '$.member') AS principal FROM documents
    WHERE kind = 'offer' AND json_extract(body, '$.state') = 'OFFERED'
    UNION ALL
    SELECT m.value FROM documents AS g, json_each(g.body, '$.members') AS m WHERE g.kind = 'gallery'
    UNION ALL
    SELECT p.key FROM documents AS g, json_each(g.body, '$.by') AS p WHERE g.kind = 'grants'
) WHERE principal LIKE 'account:%' OR principal LIKE 'org:%' GROUP BY principal;

INSERT INTO documents SELECT 'held', p.key, json_object('on', json_group_object(g.id, json('false')))
FROM documents AS g, json_each(g.body, '$.by') AS p
WHERE g.kind = 'grants' AND (p.key LIKE 'user:%' OR p.key LIKE 'service:%') GROUP BY p.key;

-- Images that were offered and had an encrypted version are nobody else's from now on.
INSERT OR IGNORE INTO deadlines SELECT 'encrypted/' || id, 0, CAST(json_object(
    'type', 'image.encrypted', 'image', id
) AS BLOB), '' FROM documents
WHERE kind = 'image' AND json_extract(body, '$.encrypted') > 0 AND json_extract(body, '$.members') > 0;
