-- Where this database stands in each stream that the service hears, written with every batch: a server that has more
-- acknowledged than this was spoken to from a newer database, of which this one is an older copy. `made` is when the
-- durable was made, `sequence` that of the last message in the stream, `delivery` that of its delivery.
CREATE TABLE positions (
    stream   TEXT PRIMARY KEY,
    made     TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    delivery INTEGER NOT NULL
);

-- Revisions are said above this since the database was found to be an older copy; 0 as long as it never was.
CREATE TABLE floor (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    value INTEGER NOT NULL
);
INSERT INTO floor VALUES (1, 0);

-- Where each stream put what was said: every row of the outbox up to `n` that belongs to it lies at `sequence` or
-- before, and the row itself is the event `id`. `tips` has the last one, in step with relay.sent_through; `marks` has
-- some of the earlier ones, by which it is found up to where a stream that lost something still has it all.
CREATE TABLE tips (
    stream   TEXT PRIMARY KEY,
    n        INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    id       TEXT NOT NULL,
    at       REAL NOT NULL
);
CREATE TABLE marks (
    stream   TEXT NOT NULL,
    n        INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    id       TEXT NOT NULL,
    at       REAL NOT NULL,
    PRIMARY KEY (stream, n)
) WITHOUT ROWID;
