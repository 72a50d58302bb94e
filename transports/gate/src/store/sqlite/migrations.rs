//! What a database holds, version by version.

/// What brings a database from each version to the next; the first makes a new one. A version
/// that was released is never edited.
pub(super) const MIGRATIONS: [&str; 2] = [MAKE, ADD_WORKSPACES];

const MAKE: &str = "
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
";

/// A Doorward of the first version that still runs knows of no limits and workspaces: it finds the
/// revisions of sessions no more, and so admits nobody.
const ADD_WORKSPACES: &str = "
    ALTER TABLE sessions RENAME COLUMN revision TO changed;

    ALTER TABLE installation ADD COLUMN locals INTEGER NOT NULL DEFAULT 0;

    CREATE TABLE locals (
        digest BLOB NOT NULL PRIMARY KEY,
        id BLOB NOT NULL UNIQUE,
        incarnation BLOB NOT NULL UNIQUE,
        name TEXT NOT NULL,
        workspace TEXT NOT NULL,
        capabilities INTEGER NOT NULL,
        pid INTEGER NOT NULL,
        started INTEGER NOT NULL,
        directory TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        ends_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX locals_by_end ON locals (ends_at);

    CREATE TRIGGER local_in AFTER INSERT ON locals BEGIN
        UPDATE installation SET locals = locals + 1; END;
    CREATE TRIGGER local_out AFTER DELETE ON locals BEGIN
        UPDATE installation SET locals = locals - 1; END;

    CREATE TABLE departed (
        incarnation BLOB NOT NULL PRIMARY KEY,
        ends_at INTEGER NOT NULL,
        revision INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX departed_by_end ON departed (ends_at);
    CREATE INDEX departed_by_revision ON departed (revision);

    CREATE TABLE directory (
        one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
        revision INTEGER NOT NULL,
        document TEXT NOT NULL
    ) STRICT;
    INSERT INTO directory VALUES (1, 0, '[]');

    DROP TABLE reports;
    CREATE TABLE reports (
        listener BLOB NOT NULL PRIMARY KEY,
        acted INTEGER NOT NULL,
        until INTEGER NOT NULL,
        sessions BLOB NOT NULL
    ) STRICT;
";
