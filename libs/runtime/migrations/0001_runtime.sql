-- What every service's database has.
CREATE TABLE documents (
    kind TEXT NOT NULL,
    id   TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (kind, id)
);

-- The only dedupe that is trusted; key is (speaker, id), ordered by the id for locality. Commands keep their reply.
CREATE TABLE seen (
    id          TEXT NOT NULL,
    speaker     TEXT NOT NULL,
    at          REAL NOT NULL,
    fingerprint BLOB,
    reply       BLOB,
    PRIMARY KEY (id, speaker)
) WITHOUT ROWID;
CREATE INDEX seen_at ON seen (at);

-- Events to be said. Rows up to relay.sent_through have been acknowledged; they are kept longer than the stream.
CREATE TABLE outbox (
    n       INTEGER PRIMARY KEY,
    id      TEXT NOT NULL,
    kind    TEXT NOT NULL,
    subject TEXT NOT NULL,
    saga    TEXT NOT NULL,
    cause   TEXT NOT NULL,
    at      REAL NOT NULL,
    body    BLOB NOT NULL
);
CREATE TABLE relay (
    one          INTEGER PRIMARY KEY CHECK (one = 1),
    sent_through INTEGER NOT NULL
);
INSERT INTO relay VALUES (1, 0);

CREATE TABLE deadlines (
    name TEXT PRIMARY KEY,
    due  REAL NOT NULL,
    body BLOB NOT NULL,
    saga TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX deadlines_due ON deadlines (due);

CREATE TABLE dead_letters (
    id         TEXT PRIMARY KEY,
    subject    TEXT NOT NULL,
    headers    BLOB NOT NULL,
    raw        BLOB NOT NULL,
    kind       TEXT NOT NULL,
    reason     TEXT NOT NULL,
    deliveries INTEGER NOT NULL,
    at         REAL NOT NULL
);
