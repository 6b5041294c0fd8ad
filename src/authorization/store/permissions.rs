//! Permissions.

use crate::authorization::store::named::NamedTable;

/// The SQL of the table `permissions`.
pub const PERMISSIONS: NamedTable = NamedTable {
    list: "SELECT id, name FROM permissions WHERE id > ?1 ORDER BY id LIMIT ?2",
    by_id: "SELECT p.id, p.name, p.built_in,
                   (p.built_in = 1
                    OR EXISTS (SELECT 1 FROM role_permissions AS m
                                 JOIN service_roles AS a ON a.role_id = m.role_id
                                WHERE m.permission_id = p.id AND a.service_id = ?2)) AS of_auth
              FROM permissions AS p WHERE p.id = ?1",
    by_name: "SELECT p.id, p.name, p.built_in,
                     (p.built_in = 1
                      OR EXISTS (SELECT 1 FROM role_permissions AS m
                                   JOIN service_roles AS a ON a.role_id = m.role_id
                                  WHERE m.permission_id = p.id AND a.service_id = ?2)) AS of_auth
                FROM permissions AS p WHERE p.name = ?1",
    insert: "INSERT INTO permissions (id, name, built_in)
             SELECT last + 1, ?1, 0 FROM id_counters WHERE thing = 'permission'
             RETURNING id, name",
    count_insert: "UPDATE id_counters SET last = last + 1 WHERE thing = 'permission'",
    insert_with_id: "INSERT INTO permissions (id, name, built_in) VALUES (?1, ?2, 0)",
    count_insert_with_id: "UPDATE id_counters SET last = MAX(last, ?1) WHERE thing = 'permission'",
    is_unchanged: "INSERT INTO preconditions (subject)
                   SELECT 1 WHERE NOT EXISTS (
                       SELECT 1 FROM permissions WHERE id = ?1 AND name = ?2)",
    is_not_of_auth: "INSERT INTO preconditions (subject)
                     SELECT 1 FROM permissions AS p
                      WHERE p.id = ?1
                        AND (p.built_in = 1
                             OR EXISTS (SELECT 1 FROM role_permissions AS m
                                          JOIN service_roles AS a ON a.role_id = m.role_id
                                         WHERE m.permission_id = p.id AND a.service_id = ?2))",
    rename: "UPDATE permissions SET name = ?2 WHERE id = ?1 AND built_in = 0 RETURNING id",
    delete: "DELETE FROM permissions WHERE id = ?1 AND built_in = 0 RETURNING id",
    // All services, because finding those with a grant would read every grant.
    bump: "UPDATE services SET policy_version = policy_version + 1
            WHERE id > 0 AND deleted_at IS NULL
              AND (EXISTS (SELECT 1 FROM role_permissions WHERE permission_id = ?1)
                   OR EXISTS (SELECT 1 FROM person_permissions WHERE permission_id = ?1))",
};
