-- Sharing knows galleries from now on, and more of images than their owners: what there is already is said again, once.
INSERT OR REPLACE INTO deadlines
    SELECT 'told/' || id, 0, CAST(json_object('type', 'gallery.told', 'gallery', id) AS BLOB), ''
    FROM documents WHERE kind = 'gallery';
INSERT OR REPLACE INTO deadlines
    SELECT 'told/' || id, 0, CAST(json_object('type', 'image.told', 'image', id) AS BLOB), ''
    FROM documents WHERE kind = 'image';
