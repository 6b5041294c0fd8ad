-- Who may do what where: services, the roles that each has, permissions of roles, roles and permissions of people in services.

CREATE TABLE services (
    id INTEGER NOT NULL PRIMARY KEY,
    -- Compared to the letter, like all names here.
    name TEXT NOT NULL,
    description TEXT,
    -- Moved on by whatever changes what anybody may do in the service.
    policy_version INTEGER NOT NULL,
    built_in INTEGER NOT NULL CHECK (built_in IN (0, 1)),
    created_at INTEGER NOT NULL,
    -- A deleted service keeps its id and its version, and comes back with its name.
    deleted_at INTEGER,
    -- 1 while a deleted service has grants, which are removed in slices. It comes back without any.
    emptying INTEGER NOT NULL DEFAULT 0 CHECK (emptying IN (0, 1))
) STRICT;

CREATE INDEX services_emptying ON services (deleted_at) WHERE emptying = 1;

CREATE UNIQUE INDEX services_name ON services (name);

-- Lists and changes of all services do not read the deleted ones.
CREATE INDEX services_live ON services (id) WHERE deleted_at IS NULL;

CREATE TABLE roles (
    id INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    built_in INTEGER NOT NULL CHECK (built_in IN (0, 1))
) STRICT;

CREATE UNIQUE INDEX roles_name ON roles (name);

CREATE TABLE permissions (
    id INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    built_in INTEGER NOT NULL CHECK (built_in IN (0, 1))
) STRICT;

CREATE UNIQUE INDEX permissions_name ON permissions (name);

CREATE TABLE role_permissions (
    role_id INTEGER NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
    -- No foreign key: the rows of a deleted permission are removed in slices (removed_permissions).
    permission_id INTEGER NOT NULL,
    PRIMARY KEY (role_id, permission_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX role_permissions_permission ON role_permissions (permission_id);

CREATE TABLE service_roles (
    service_id INTEGER NOT NULL REFERENCES services (id),
    role_id INTEGER NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
    PRIMARY KEY (service_id, role_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX service_roles_role ON service_roles (role_id);

CREATE TABLE person_roles (
    person_id INTEGER NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    service_id INTEGER NOT NULL REFERENCES services (id),
    -- No foreign key: the grants of a role that a service lost are removed in slices (removed_roles). Until then they allow nothing.
    role_id INTEGER NOT NULL,
    -- NULL: for good.
    expires_at INTEGER,
    -- Set by maintenance after the expiry, so that pages of active grants do not read the others.
    ended INTEGER NOT NULL DEFAULT 0 CHECK (ended IN (0, 1)),
    PRIMARY KEY (person_id, service_id, role_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX person_roles_role ON person_roles (service_id, role_id, ended, person_id);

CREATE INDEX person_roles_person ON person_roles (service_id, person_id);

CREATE INDEX person_roles_not_ended ON person_roles (expires_at) WHERE ended = 0;

-- A grant that is given again has not ended.
CREATE TRIGGER person_roles_again AFTER UPDATE OF expires_at ON person_roles WHEN NEW.ended = 1
BEGIN
    UPDATE person_roles SET ended = 0
     WHERE person_id = NEW.person_id AND service_id = NEW.service_id AND role_id = NEW.role_id;
END;

CREATE INDEX person_roles_expires_at ON person_roles (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE person_permissions (
    person_id INTEGER NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    service_id INTEGER NOT NULL REFERENCES services (id),
    -- No foreign key: the grants of a deleted permission are removed in slices (removed_permissions).
    permission_id INTEGER NOT NULL,
    expires_at INTEGER,
    PRIMARY KEY (person_id, service_id, permission_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX person_permissions_service ON person_permissions (service_id, person_id);

CREATE INDEX person_permissions_permission ON person_permissions (permission_id);

CREATE INDEX person_permissions_expires_at ON person_permissions (expires_at) WHERE expires_at IS NOT NULL;

-- Roles that a service lost, of which grants are left. The service gets the role again after they are removed.
CREATE TABLE removed_roles (
    service_id INTEGER NOT NULL,
    role_id INTEGER NOT NULL,
    removed_at INTEGER NOT NULL,
    PRIMARY KEY (service_id, role_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX removed_roles_removed_at ON removed_roles (removed_at);

-- Deleted permissions of which grants are left. Their ids are never used again.
CREATE TABLE removed_permissions (
    permission_id INTEGER NOT NULL PRIMARY KEY,
    removed_at INTEGER NOT NULL
) STRICT;

CREATE INDEX removed_permissions_removed_at ON removed_permissions (removed_at);

-- The quotas of docs/LIMITS.md. They bound the rows that a check reads and a change writes. The service itself is 1000000001: a change of
-- access to it compares every permission in it (auth_access), so it has quotas of its own. Its grants do not count in the quotas of the
-- other services. So a person with every grant of the others can still become an administrator.
CREATE TRIGGER services_quota AFTER INSERT ON services
    WHEN (SELECT COUNT(*) FROM services WHERE deleted_at IS NULL) > 1000
BEGIN
    SELECT RAISE(ABORT, 'precondition_quota');
END;

CREATE TRIGGER services_quota_restored AFTER UPDATE OF deleted_at ON services
    WHEN OLD.deleted_at IS NOT NULL AND NEW.deleted_at IS NULL
     AND (SELECT COUNT(*) FROM services WHERE deleted_at IS NULL) > 1000
BEGIN
    SELECT RAISE(ABORT, 'precondition_quota');
END;

CREATE TRIGGER role_permissions_quota AFTER INSERT ON role_permissions
    WHEN (SELECT COUNT(*) FROM role_permissions WHERE role_id = NEW.role_id)
         > iif(EXISTS (SELECT 1 FROM service_roles WHERE service_id = 1000000001 AND role_id = NEW.role_id), 10, 500)
BEGIN
    SELECT RAISE(ABORT, 'precondition_quota');
END;

CREATE TRIGGER service_roles_quota AFTER INSERT ON service_roles
    WHEN (SELECT COUNT(*) FROM service_roles WHERE service_id = NEW.service_id) > 500
      OR (NEW.service_id = 1000000001 AND (SELECT COUNT(*) FROM role_permissions WHERE role_id = NEW.role_id) > 10)
BEGIN
    SELECT RAISE(ABORT, 'precondition_quota');
END;

CREATE TRIGGER person_roles_quota AFTER INSERT ON person_roles
    WHEN (SELECT COUNT(*) FROM person_roles WHERE person_id = NEW.person_id AND service_id = NEW.service_id) > 50
      OR (NEW.service_id <> 1000000001
          AND (SELECT COUNT(*) FROM person_roles WHERE person_id = NEW.person_id AND service_id <> 1000000001) > 500)
      OR (NEW.service_id = 1000000001 AND (SELECT COUNT(*) FROM person_roles WHERE service_id = NEW.service_id) > 500)
BEGIN
    SELECT RAISE(ABORT, 'precondition_quota');
END;

CREATE TRIGGER person_permissions_quota AFTER INSERT ON person_permissions
    WHEN (NEW.service_id <> 1000000001
          AND (SELECT COUNT(*) FROM person_permissions WHERE person_id = NEW.person_id AND service_id <> 1000000001) > 500)
      OR (NEW.service_id = 1000000001 AND (SELECT COUNT(*) FROM person_permissions WHERE service_id = NEW.service_id) > 500)
BEGIN
    SELECT RAISE(ABORT, 'precondition_quota');
END;

-- Ids are given in order and never twice; what is built in has ids far above.
CREATE TABLE id_counters (
    thing TEXT NOT NULL PRIMARY KEY,
    last INTEGER NOT NULL
) STRICT;

INSERT INTO id_counters (thing, last) VALUES ('service', 0), ('role', 0), ('permission', 0);

-- Every change, in the batch of the change. No foreign keys: it outlives what it tells about.
CREATE TABLE policy_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    action TEXT NOT NULL,
    -- Who did it: a person, or NULL for the command line and the service itself.
    actor_id INTEGER,
    actor TEXT NOT NULL,
    person_id INTEGER,
    service_id INTEGER,
    role_id INTEGER,
    permission_id INTEGER,
    -- JSON: names and values as they were then.
    detail TEXT,
    request_id TEXT NOT NULL
) STRICT;

CREATE INDEX policy_events_person ON policy_events (person_id, id);

CREATE TRIGGER policy_events_append_only BEFORE UPDATE ON policy_events
BEGIN
    SELECT RAISE(ABORT, 'policy events are append-only');
END;

-- What a batch rests on. A row is never kept: inserting one whose check fails ends the batch, and nothing of it has happened.
CREATE TABLE preconditions (
    caller INTEGER CONSTRAINT precondition_caller CHECK (caller IS NULL),
    subject INTEGER CONSTRAINT precondition_subject CHECK (subject IS NULL),
    administrator INTEGER CONSTRAINT precondition_administrator CHECK (administrator IS NULL),
    owner INTEGER CONSTRAINT precondition_owner CHECK (owner IS NULL)
) STRICT;

-- The effective permissions in the service itself before a change, and then who gained one (permission 0). Empty between batches.
CREATE TABLE auth_access (
    person_id INTEGER NOT NULL,
    permission_id INTEGER NOT NULL,
    PRIMARY KEY (permission_id, person_id)
) STRICT, WITHOUT ROWID;

-- The service itself, as a service: what its endpoints ask for.
INSERT INTO services (id, name, description, policy_version, built_in, created_at)
VALUES (1000000001, 'auth', 'The authorization service itself', 1, 1, 0);

INSERT INTO permissions (id, name, built_in) VALUES
    (1000000001, 'auth.administer', 1),
    (1000000002, 'auth.people.read', 1),
    (1000000003, 'auth.people.write', 1),
    (1000000004, 'auth.policy.read', 1),
    (1000000005, 'auth.policy.write', 1),
    (1000000006, 'auth.changes.read', 1);

INSERT INTO roles (id, name, built_in) VALUES
    (1000000001, 'auth.administrator', 1),
    (1000000002, 'auth.checker', 1);

INSERT INTO role_permissions (role_id, permission_id) VALUES
    (1000000001, 1000000001),
    -- For backends that look up what their users may do.
    (1000000002, 1000000002),
    (1000000002, 1000000004);

INSERT INTO service_roles (service_id, role_id) VALUES
    (1000000001, 1000000001),
    (1000000001, 1000000002);
