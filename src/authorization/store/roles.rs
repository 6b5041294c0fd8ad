//! Roles.

use crate::authorization::store::named::NamedTable;

/// The SQL of the table `roles`.
pub const ROLES: NamedTable = NamedTable {
    list: "SELECT id, name FROM roles WHERE id > ?1 ORDER BY id LIMIT ?2",
    by_id: "SELECT r.id, r.name, r.built_in,
                   (r.built_in = 1
                    OR EXISTS (SELECT 1 FROM service_roles AS a
                                WHERE a.service_id = ?2 AND a.role_id = r.id)) AS of_auth
              FROM roles AS r WHERE r.id = ?1",
    by_name: "SELECT r.id, r.name, r.built_in,
                     (r.built_in = 1
                      OR EXISTS (SELECT 1 FROM service_roles AS a
                                  WHERE a.service_id = ?2 AND a.role_id = r.id)) AS of_auth
                FROM roles AS r WHERE r.name = ?1",
    insert: "INSERT INTO roles (id, name, built_in)
             SELECT last + 1, ?1, 0 FROM id_counters WHERE thing = 'role' RETURNING id, name",
    count_insert: "UPDATE id_counters SET last = last + 1 WHERE thing = 'role'",
    insert_with_id: "INSERT INTO roles (id, name, built_in) VALUES (?1, ?2, 0)",
    count_insert_with_id: "UPDATE id_counters SET last = MAX(last, ?1) WHERE thing = 'role'",
    is_unchanged: "INSERT INTO preconditions (subject)
                   SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM roles WHERE id = ?1 AND name = ?2)",
    is_not_of_auth: "INSERT INTO preconditions (subject)
                     SELECT 1 FROM roles AS r
                      WHERE r.id = ?1
                        AND (r.built_in = 1
                             OR EXISTS (SELECT 1 FROM service_roles AS a
                                         WHERE a.service_id = ?2 AND a.role_id = r.id))",
    rename: "UPDATE roles SET name = ?2 WHERE id = ?1 AND built_in = 0 RETURNING id",
    delete: "DELETE FROM roles WHERE id = ?1 AND built_in = 0 RETURNING id",
    bump: "UPDATE services SET policy_version = policy_version + 1
            WHERE id IN (SELECT service_id FROM service_roles WHERE role_id = ?1)",
};
