-- Deliveries by webhook: all of a state in the order in which they came, and those that wait, by what they are about.
CREATE INDEX deliveries_by_state ON documents (
    json_extract(body, '$.hook'), json_extract(body, '$.state'), id
) WHERE kind = 'delivery';
CREATE INDEX deliveries_by_age ON documents (json_extract(body, '$.hook'), id) WHERE kind = 'delivery';
CREATE INDEX deliveries_in_order ON documents (
    json_extract(body, '$.hook'), json_extract(body, '$.subject'), id
) WHERE kind = 'delivery' AND json_extract(body, '$.state') = 'PENDING';
CREATE INDEX deliveries_due ON documents (
    json_extract(body, '$.hook'), json_extract(body, '$.next')
) WHERE kind = 'delivery' AND json_extract(body, '$.state') = 'PENDING';
CREATE INDEX deliveries_ended ON documents (
    json_extract(body, '$.state'), json_extract(body, '$.updated')
) WHERE kind = 'delivery';

-- The same expressions under names, so that queries read as SQL and still meet their indexes.
CREATE VIEW deliveries AS SELECT
    id, body,
    json_extract(body, '$.hook') AS hook,
    json_extract(body, '$.state') AS state,
    json_extract(body, '$.updated') AS updated
FROM documents WHERE kind = 'delivery';
CREATE VIEW waiting AS SELECT
    id, body,
    json_extract(body, '$.hook') AS hook,
    json_extract(body, '$.subject') AS subject,
    json_extract(body, '$.next') AS next
FROM documents WHERE kind = 'delivery' AND json_extract(body, '$.state') = 'PENDING';
