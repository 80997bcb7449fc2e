-- Who is who: the lists that go by something else than their keys.
CREATE INDEX accounts_by_unit ON documents (body ->> '$.unit', id) WHERE kind = 'account';
CREATE INDEX tenants_by_account ON documents (body ->> '$.account', id) WHERE kind = 'tenant';

-- The tenants that are known by their images, and the one that there always is.
INSERT OR IGNORE INTO documents SELECT 'tenant', name, json_object(
    'account', '', 'description', '', 'disabled', json('false'),
    'created', strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), 'revision', 1
)
FROM (
    SELECT 'default' AS name UNION SELECT body ->> '$.owner' FROM documents WHERE kind = 'image'
) WHERE name <> '';

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
