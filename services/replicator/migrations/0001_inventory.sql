-- What pods hold, as of their inventories. A pod's current rows are those of its document's generation.
CREATE TABLE vms (
    pod TEXT NOT NULL,
    generation INTEGER NOT NULL,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (pod, generation, name)
) WITHOUT ROWID;

CREATE TABLE items (
    pod TEXT NOT NULL,
    generation INTEGER NOT NULL,
    version TEXT NOT NULL,
    datastore TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (pod, generation, version, datastore)
) WITHOUT ROWID;
