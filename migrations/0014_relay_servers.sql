-- Servers, channels, direct messages and their members. All metadata is sealed by clients. Messages and the members' tags
-- are in the channel objects, which follow these tables.

CREATE TABLE relay_servers (
    id TEXT NOT NULL PRIMARY KEY,
    owner_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- At most 8 KiB, base64url.
    encrypted_meta TEXT NOT NULL,
    -- Rises with every joining and every removal of a member.
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX relay_servers_owner ON relay_servers (owner_id);

-- A member of a server is a member of each of its channels that they have not left.
CREATE TABLE relay_members (
    server_id TEXT NOT NULL REFERENCES relay_servers (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role TEXT NOT NULL CHECK (role IN ('admin', 'member', 'owner')),
    -- The version of the server after the joining. A channel object takes no version back that it removed.
    version INTEGER NOT NULL,
    joined_at INTEGER NOT NULL,
    PRIMARY KEY (server_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX relay_members_user ON relay_members (user_id);

-- Finds the heir of a server: the first administrator, or the first member.
CREATE INDEX relay_members_role ON relay_members (server_id, role, version);

-- The members whom an owner or an administrator removed. They do not come back by an invite that is as old.
CREATE TABLE relay_removals (
    server_id TEXT NOT NULL REFERENCES relay_servers (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- The version of the server after the removal.
    version INTEGER NOT NULL,
    removed_at INTEGER NOT NULL,
    PRIMARY KEY (server_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX relay_removals_user ON relay_removals (user_id);

CREATE INDEX relay_removals_version ON relay_removals (server_id, version);

-- A server remembers its 5,000 last removals.
CREATE TRIGGER relay_removals_quota AFTER INSERT ON relay_removals
BEGIN
    DELETE FROM relay_removals
     WHERE server_id = NEW.server_id
       AND version <= (SELECT version FROM relay_removals WHERE server_id = NEW.server_id
                        ORDER BY version DESC LIMIT 1 OFFSET 5000);
END;

CREATE TABLE relay_channels (
    id TEXT NOT NULL PRIMARY KEY,
    server_id TEXT REFERENCES relay_servers (id) ON DELETE CASCADE,
    -- Of a direct message: the hash of its two accounts, so that each pair has one.
    pair TEXT UNIQUE,
    -- At most 8 KiB, base64url.
    encrypted_meta TEXT NOT NULL,
    channel_type TEXT NOT NULL,
    position INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    CHECK ((server_id IS NULL) <> (pair IS NULL))
) STRICT;

CREATE INDEX relay_channels_server ON relay_channels (server_id, position, created_at);

-- The members of a server who left one of its channels, or joined it again.
CREATE TABLE relay_channel_choices (
    channel_id TEXT NOT NULL REFERENCES relay_channels (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL,
    server_id TEXT NOT NULL,
    -- 1 while the member is away.
    away INTEGER NOT NULL,
    -- The version of the server after the last joining.
    version INTEGER NOT NULL,
    joined_at INTEGER NOT NULL,
    PRIMARY KEY (channel_id, user_id),
    FOREIGN KEY (server_id, user_id) REFERENCES relay_members (server_id, user_id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX relay_channel_choices_member ON relay_channel_choices (server_id, user_id);

-- The two accounts of a direct message.
CREATE TABLE relay_direct_members (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    channel_id TEXT NOT NULL REFERENCES relay_channels (id) ON DELETE CASCADE,
    -- 1 for the account that opened it.
    opener INTEGER NOT NULL,
    opened_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, channel_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX relay_direct_members_channel ON relay_direct_members (channel_id);

CREATE INDEX relay_direct_members_opened_at ON relay_direct_members (user_id, opened_at);

CREATE INDEX relay_direct_members_opener ON relay_direct_members (user_id) WHERE opener = 1;

-- A direct message goes with the second of its accounts.
CREATE TRIGGER relay_direct_members_last AFTER DELETE ON relay_direct_members
BEGIN
    DELETE FROM relay_channels
     WHERE id = OLD.channel_id
       AND NOT EXISTS (SELECT 1 FROM relay_direct_members WHERE channel_id = OLD.channel_id);
END;

-- Who is a member of which channel of a server now, with the version that the channel object knows or will know.
CREATE VIEW relay_seats AS
SELECT c.id AS channel_id, m.user_id, m.server_id, m.role,
       MAX(m.version, COALESCE(h.version, 0)) AS version,
       MAX(m.joined_at, c.created_at, COALESCE(h.joined_at, 0)) AS joined_at
  FROM relay_channels AS c
  JOIN relay_members AS m ON m.server_id = c.server_id
  LEFT JOIN relay_channel_choices AS h ON h.channel_id = c.id AND h.user_id = m.user_id
 WHERE COALESCE(h.away, 0) = 0;

CREATE TABLE relay_invites (
    id TEXT NOT NULL PRIMARY KEY,
    server_id TEXT NOT NULL REFERENCES relay_servers (id) ON DELETE CASCADE,
    code TEXT NOT NULL UNIQUE,
    max_uses INTEGER,
    use_count INTEGER NOT NULL,
    -- The version of the server when the invite was made.
    version INTEGER NOT NULL,
    -- How the last use changed the invite, for the other statements of its batch.
    last_use TEXT,
    expires_at INTEGER,
    created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX relay_invites_server ON relay_invites (server_id);

CREATE INDEX relay_invites_expires_at ON relay_invites (expires_at);

-- Sealed sender keys that wait for their receivers.
CREATE TABLE relay_sender_keys (
    channel_id TEXT NOT NULL REFERENCES relay_channels (id) ON DELETE CASCADE,
    to_user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    from_user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    distribution_id TEXT NOT NULL,
    id TEXT NOT NULL,
    -- At most 4 KiB, base64url.
    encrypted_skdm TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    -- When the receiver read it first. It is given again for a minute, because an answer may be lost.
    read_at INTEGER,
    PRIMARY KEY (channel_id, to_user_id, from_user_id, distribution_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX relay_sender_keys_to ON relay_sender_keys (to_user_id);

CREATE INDEX relay_sender_keys_from ON relay_sender_keys (from_user_id);

CREATE INDEX relay_sender_keys_created_at ON relay_sender_keys (created_at);
CREATE INDEX relay_sender_keys_read_at ON relay_sender_keys (read_at) WHERE read_at IS NOT NULL;

-- A receiver keeps the five newest distributions of a sender in a channel.
CREATE TRIGGER relay_sender_keys_quota AFTER INSERT ON relay_sender_keys
BEGIN
    DELETE FROM relay_sender_keys
     WHERE channel_id = NEW.channel_id AND to_user_id = NEW.to_user_id
       AND from_user_id = NEW.from_user_id
       AND distribution_id IN (
           SELECT distribution_id FROM relay_sender_keys
            WHERE channel_id = NEW.channel_id AND to_user_id = NEW.to_user_id
              AND from_user_id = NEW.from_user_id AND distribution_id <> NEW.distribution_id
            ORDER BY created_at DESC LIMIT -1 OFFSET 4);
END;

CREATE TABLE relay_blocks (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    blocked_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    blocked_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, blocked_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX relay_blocks_blocked ON relay_blocks (blocked_id);

-- Changes that the channel objects may not know yet. A request inserts its own row and removes it when it is done.
CREATE TABLE relay_outbox (
    task TEXT NOT NULL CHECK (
        task IN ('add', 'kick', 'leave', 'add_to_channel', 'leave_channel', 'destroy', 'delete_server')
    ),
    -- Empty if the task belongs to one channel.
    server_id TEXT NOT NULL,
    -- Empty if the task belongs to all channels of the server.
    channel_id TEXT NOT NULL,
    -- The member, or empty. It may be a deleted account.
    user_id TEXT NOT NULL,
    -- The version of the member.
    version INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    PRIMARY KEY (task, server_id, channel_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX relay_outbox_due_at ON relay_outbox (task, due_at);

-- However a channel disappears, its object is destroyed.
CREATE TRIGGER relay_channels_destroy AFTER DELETE ON relay_channels
BEGIN
    INSERT INTO relay_outbox (task, server_id, channel_id, user_id, version, due_at)
    VALUES ('destroy', '', OLD.id, '', 0, 0) ON CONFLICT DO NOTHING;
END;

-- A deleted account leaves every channel object. Its servers pass to the administrator who joined first, or to the member
-- who joined first. A member whose removal waits does not inherit. A server without an heir is deleted.
CREATE TRIGGER relay_account_deletion BEFORE DELETE ON users
BEGIN
    INSERT INTO relay_outbox (task, server_id, channel_id, user_id, version, due_at)
    SELECT 'leave', server_id, '', user_id, version, 0 FROM relay_members WHERE user_id = OLD.id
    ON CONFLICT DO UPDATE SET version = excluded.version, due_at = 0;
    INSERT INTO relay_outbox (task, server_id, channel_id, user_id, version, due_at)
    SELECT 'leave_channel', '', channel_id, user_id, 1, 0
      FROM relay_direct_members WHERE user_id = OLD.id
    ON CONFLICT DO UPDATE SET due_at = 0;
    UPDATE relay_servers
       SET owner_id = COALESCE((SELECT m.user_id FROM relay_members AS m
                                 WHERE m.server_id = relay_servers.id AND m.role < 'owner'
                                   AND NOT EXISTS (
                                       SELECT 1 FROM relay_outbox AS w
                                        WHERE w.task IN ('kick', 'leave') AND w.server_id = m.server_id
                                          AND w.channel_id = '' AND w.user_id = m.user_id
                                          AND w.version >= m.version)
                                 ORDER BY m.role, m.version LIMIT 1), owner_id)
     WHERE owner_id = OLD.id;
    UPDATE relay_members SET role = 'owner'
     WHERE role < 'owner'
       AND server_id IN (SELECT m.server_id FROM relay_members AS m
                          WHERE m.user_id = OLD.id AND m.role = 'owner')
       AND user_id = (SELECT s.owner_id FROM relay_servers AS s
                       WHERE s.id = relay_members.server_id);
END;
