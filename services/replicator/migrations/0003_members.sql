-- The images of which something was delivered to a tenant, by tenant.
INSERT INTO documents
SELECT 'member', member, json_object('images', json_group_array(image))
FROM (
    SELECT DISTINCT m.key AS member, d.id AS image
    FROM documents AS d, json_each(d.body, '$.by') AS v, json_each(v.value) AS m
    WHERE d.kind = 'deliveries'
    ORDER BY member, image
)
GROUP BY member;
