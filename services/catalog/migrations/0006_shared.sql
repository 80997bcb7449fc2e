-- Offers that were made before there was more to know of them than to whom; sharing tells the rest anew.
INSERT OR IGNORE INTO documents SELECT 'access', 'i/' || i.id, json_object('offers', (
    SELECT json_group_object(m.value, json_object('since', 0, 'revision', 0))
    FROM json_each(i.body, '$.shared') AS m
)) FROM documents AS i WHERE i.kind = 'image' AND json_array_length(i.body, '$.shared') > 0;

-- Which galleries of others somebody reaches: those shared with a principal, or on which it has a role, and under
-- `*community` and `*public` those of everybody.
CREATE TABLE gallery_reach (
    principal TEXT NOT NULL,
    gallery   TEXT NOT NULL,
    PRIMARY KEY (principal, gallery)
) WITHOUT ROWID;
CREATE INDEX gallery_reach_by_gallery ON gallery_reach (gallery);
CREATE TRIGGER gallery_reach_added AFTER INSERT ON documents
WHEN new.kind = 'access' AND new.id > 'g/' AND new.id < 'g0' BEGIN
    INSERT INTO gallery_reach
        SELECT m.value, substr(new.id, 3) FROM json_each(new.body, '$.members') AS m
        WHERE json_extract(new.body, '$.sharing') = 'groups'
        UNION SELECT '*' || json_extract(new.body, '$.sharing'), substr(new.id, 3)
        WHERE json_extract(new.body, '$.sharing') IN ('community', 'public')
        UNION SELECT g.key, substr(new.id, 3) FROM json_each(new.body, '$.grants') AS g
        WHERE json_array_length(g.value, '$.roles') > 0;
END;
CREATE TRIGGER gallery_reach_changed AFTER UPDATE OF body ON documents
WHEN new.kind = 'access' AND new.id > 'g/' AND new.id < 'g0' BEGIN
    DELETE FROM gallery_reach WHERE gallery = substr(new.id, 3);
    INSERT INTO gallery_reach
        SELECT m.value, substr(new.id, 3) FROM json_each(new.body, '$.members') AS m
        WHERE json_extract(new.body, '$.sharing') = 'groups'
        UNION SELECT '*' || json_extract(new.body, '$.sharing'), substr(new.id, 3)
        WHERE json_extract(new.body, '$.sharing') IN ('community', 'public')
        UNION SELECT g.key, substr(new.id, 3) FROM json_each(new.body, '$.grants') AS g
        WHERE json_array_length(g.value, '$.roles') > 0;
END;
CREATE TRIGGER gallery_reach_removed AFTER DELETE ON documents
WHEN old.kind = 'access' AND old.id > 'g/' AND old.id < 'g0' BEGIN
    DELETE FROM gallery_reach WHERE gallery = substr(old.id, 3);
END;

-- Images that are in the lists of others have their facts once more for each: in the scope `+<tenant>` of one that
-- accepted them, and `@<principal>` of one that has a role on them. In `~<principal>` is everything that is offered to
-- somebody, by its path alone.
DROP TRIGGER image_added;
DROP TRIGGER image_edited;
CREATE TRIGGER image_added AFTER INSERT ON documents WHEN new.kind = 'image' BEGIN
    INSERT INTO image_facts SELECT DISTINCT scope, field, value, path, image FROM image_facts_now
        WHERE image = new.id;
    INSERT INTO image_facts SELECT
        l.value || CASE WHEN f.scope LIKE '%#' THEN '#' ELSE '' END, f.field,
        CASE f.field WHEN 'visibility' THEN 'shared' ELSE f.value END, f.path, f.image
        FROM json_each(new.body, '$.listed') AS l CROSS JOIN image_facts AS f ON f.image = new.id;
    INSERT INTO image_facts SELECT
        '~' || m.value || CASE WHEN coalesce(json_extract(new.body, '$.details.hidden'), 0)
            OR coalesce(json_extract(new.body, '$.life.hidden'), 0) THEN '#' ELSE '' END,
        'path', p.path, p.path, new.id
        FROM json_each(new.body, '$.shared') AS m CROSS JOIN (
            SELECT json_extract(new.body, '$.gallery') || '/' || json_extract(new.body, '$.name') AS path) AS p;
    INSERT INTO image_texts (image, text) VALUES (
        new.id, json_extract(new.body, '$.gallery') || '/' || json_extract(new.body, '$.name') || char(10)
            || coalesce(json_extract(new.body, '$.description'), ''));
END;
CREATE TRIGGER image_edited AFTER UPDATE OF body ON documents WHEN new.kind = 'image' AND json_extract(
    old.body, '$.gallery', '$.name', '$.tenant', '$.description', '$.image_class', '$.desktop_kind', '$.flavour',
    '$.identifier', '$.tags', '$.details', '$.life'
) IS NOT json_extract(
    new.body, '$.gallery', '$.name', '$.tenant', '$.description', '$.image_class', '$.desktop_kind', '$.flavour',
    '$.identifier', '$.tags', '$.details', '$.life'
) BEGIN
    DELETE FROM image_facts WHERE image = new.id AND (scope, field, value, path) NOT IN (
        SELECT scope, field, value, path FROM image_facts_now WHERE image = new.id);
    -- A trigger of an upsert cannot say OR IGNORE: what is there already is left out.
    INSERT INTO image_facts
        SELECT scope, field, value, path, image FROM image_facts_now WHERE image = new.id
        EXCEPT SELECT scope, field, value, path, image FROM image_facts WHERE image = new.id;
    INSERT INTO image_facts SELECT
        l.value || CASE WHEN f.scope LIKE '%#' THEN '#' ELSE '' END, f.field,
        CASE f.field WHEN 'visibility' THEN 'shared' ELSE f.value END, f.path, f.image
        FROM json_each(new.body, '$.listed') AS l CROSS JOIN image_facts AS f ON f.image = new.id;
    INSERT INTO image_facts SELECT
        '~' || m.value || CASE WHEN coalesce(json_extract(new.body, '$.details.hidden'), 0)
            OR coalesce(json_extract(new.body, '$.life.hidden'), 0) THEN '#' ELSE '' END,
        'path', p.path, p.path, new.id
        FROM json_each(new.body, '$.shared') AS m CROSS JOIN (
            SELECT json_extract(new.body, '$.gallery') || '/' || json_extract(new.body, '$.name') AS path) AS p;
    UPDATE image_texts SET text = now.text FROM (
        SELECT json_extract(new.body, '$.gallery') || '/' || json_extract(new.body, '$.name') || char(10)
            || coalesce(json_extract(new.body, '$.description'), '') AS text
    ) AS now WHERE image_texts.image = new.id AND image_texts.text <> now.text;
END;
-- Offers, answers and grants come and go one by one.
CREATE TRIGGER image_shared AFTER UPDATE OF body ON documents WHEN new.kind = 'image' AND json_extract(
    old.body, '$.shared', '$.listed'
) IS NOT json_extract(new.body, '$.shared', '$.listed') BEGIN
    UPDATE image_facts SET value = CASE WHEN json_extract(new.body, '$.image_class') = 'standard' THEN 'public'
        WHEN json_array_length(new.body, '$.shared') > 0 THEN 'shared' ELSE 'private' END
        WHERE image = new.id AND field = 'visibility' AND substr(scope, 1, 1) NOT IN ('+', '@', '~');
    DELETE FROM image_facts WHERE image = new.id AND substr(scope, 1, 1) IN ('+', '@')
        AND rtrim(scope, '#') NOT IN (SELECT value FROM json_each(new.body, '$.listed'));
    DELETE FROM image_facts WHERE image = new.id AND substr(scope, 1, 1) = '~'
        AND rtrim(substr(scope, 2), '#') NOT IN (SELECT value FROM json_each(new.body, '$.shared'));
    INSERT INTO image_facts SELECT
        l.value || CASE WHEN f.scope LIKE '%#' THEN '#' ELSE '' END, f.field,
        CASE f.field WHEN 'visibility' THEN 'shared' ELSE f.value END, f.path, f.image
        FROM (
            SELECT value FROM json_each(new.body, '$.listed') EXCEPT SELECT value FROM json_each(old.body, '$.listed')
        ) AS l CROSS JOIN image_facts AS f ON f.image = new.id AND substr(f.scope, 1, 1) NOT IN ('+', '@', '~')
        WHERE true ON CONFLICT DO NOTHING;
    INSERT INTO image_facts SELECT
        '~' || m.value || CASE WHEN coalesce(json_extract(new.body, '$.details.hidden'), 0)
            OR coalesce(json_extract(new.body, '$.life.hidden'), 0) THEN '#' ELSE '' END,
        'path', p.path, p.path, new.id
        FROM (
            SELECT value FROM json_each(new.body, '$.shared') EXCEPT SELECT value FROM json_each(old.body, '$.shared')
        ) AS m CROSS JOIN (
            SELECT json_extract(new.body, '$.gallery') || '/' || json_extract(new.body, '$.name') AS path
        ) AS p WHERE true ON CONFLICT DO NOTHING;
END;
-- What is offered already.
INSERT OR IGNORE INTO image_facts SELECT
    '~' || m.value || CASE WHEN coalesce(json_extract(d.body, '$.details.hidden'), 0)
        OR coalesce(json_extract(d.body, '$.life.hidden'), 0) THEN '#' ELSE '' END,
    'path', json_extract(d.body, '$.gallery') || '/' || json_extract(d.body, '$.name'),
    json_extract(d.body, '$.gallery') || '/' || json_extract(d.body, '$.name'), d.id
FROM documents AS d, json_each(d.body, '$.shared') AS m WHERE d.kind = 'image';
