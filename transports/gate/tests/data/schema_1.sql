-- A database as the first version left it, with something in each of its tables.
-- This file is never edited: what was released has to be read for ever.

CREATE TABLE installation (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    issuer BLOB NOT NULL,
    clock INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    grants INTEGER NOT NULL,
    sessions INTEGER NOT NULL,
    tickets INTEGER NOT NULL
) STRICT;

CREATE TABLE grants (
    digest BLOB NOT NULL PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    label TEXT NOT NULL,
    capabilities INTEGER NOT NULL,
    method INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    uses_left INTEGER NOT NULL,
    revoked_at INTEGER,
    consumed BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_by_end ON grants (expires_at);

CREATE TABLE sessions (
    id BLOB NOT NULL PRIMARY KEY,
    subject TEXT NOT NULL,
    capabilities INTEGER NOT NULL,
    method INTEGER NOT NULL,
    granted_by BLOB NOT NULL,
    opened_from BLOB,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    absolute_end INTEGER NOT NULL,
    revoked_at INTEGER,
    revision INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_end ON sessions (absolute_end);
CREATE INDEX sessions_by_subject ON sessions (subject);
CREATE INDEX sessions_by_revision ON sessions (revision) WHERE revision IS NOT NULL;

CREATE TABLE tickets (
    digest BLOB NOT NULL PRIMARY KEY,
    session BLOB NOT NULL,
    capabilities INTEGER NOT NULL,
    origin TEXT,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tickets_by_end ON tickets (expires_at);

CREATE TABLE audit (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    line TEXT NOT NULL
) STRICT;

CREATE TABLE reports (
    listener BLOB NOT NULL PRIMARY KEY,
    until INTEGER NOT NULL,
    connections BLOB NOT NULL
) STRICT;

CREATE TRIGGER grant_in AFTER INSERT ON grants BEGIN
    UPDATE installation SET grants = grants + 1; END;
CREATE TRIGGER grant_out AFTER DELETE ON grants BEGIN
    UPDATE installation SET grants = grants - 1; END;
CREATE TRIGGER session_in AFTER INSERT ON sessions BEGIN
    UPDATE installation SET sessions = sessions + 1; END;
CREATE TRIGGER session_out AFTER DELETE ON sessions BEGIN
    UPDATE installation SET sessions = sessions - 1; END;
CREATE TRIGGER ticket_in AFTER INSERT ON tickets BEGIN
    UPDATE installation SET tickets = tickets + 1; END;
CREATE TRIGGER ticket_out AFTER DELETE ON tickets BEGIN
    UPDATE installation SET tickets = tickets - 1; END;

INSERT INTO installation VALUES (1, x'07070707070707070707070707070707', 1800000005000, 1, 0, 0, 0);
INSERT INTO grants VALUES (
    x'd1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d101',
    x'1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d01', 'ada', 3, 1, 1800000000000, 1800000600000, 1, NULL, x''
);
INSERT INTO sessions VALUES (
    x'5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e01', 'ada', 3, 1, x'1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d01',
    x'7f000001', 1800000000000, 1800604800000, 1802592000000, NULL, NULL
);
INSERT INTO sessions VALUES (
    x'5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e02', 'bob', 3, 1, x'1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d02',
    NULL, 1800000000000, 1800604800000, 1802592000000, 1800000003000, 1
);
INSERT INTO tickets VALUES (
    x'd1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d102',
    x'5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e01', 3, NULL, 1800000030000
);
INSERT INTO audit (line) VALUES ('{"event":"session_revoked"}');
INSERT INTO reports VALUES (
    x'11111111111111111111111111111111', 1800000009000,
    x'5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e0100000001'
);
PRAGMA application_id = 1148153714;
PRAGMA user_version = 1;
PRAGMA journal_mode = WAL;
