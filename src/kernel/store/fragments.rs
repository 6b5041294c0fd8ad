//! Fragments of SQL that several stores share.

/// The columns of an account, as literal SQL, as [`users::read`] names them.
macro_rules! user_columns {
    ($of:literal) => {
        concat!(
            $of,
            "id AS user_id, ",
            $of,
            "email, ",
            $of,
            "email_verified, ",
            $of,
            "name, ",
            $of,
            "picture, ",
            $of,
            "auth_method, ",
            $of,
            "provider, ",
            $of,
            "provider_id, ",
            $of,
            "created_at AS user_created_at, ",
            $of,
            "updated_at, ",
            $of,
            "last_login_at, ",
            $of,
            "last_login_platform"
        )
    };
}

/// The columns of a sign-in but its account, as literal SQL, as [`sessions::read`] names them.
macro_rules! session_columns {
    ($of:literal) => {
        concat!(
            $of,
            "id AS session_id, ",
            $of,
            "platform, ",
            $of,
            "user_agent AS session_user_agent, ",
            $of,
            "authenticated_at, ",
            $of,
            "amr, ",
            $of,
            "recovering, ",
            $of,
            "country, ",
            $of,
            "created_at AS session_created_at, ",
            $of,
            "last_used_at, ",
            $of,
            "token_expires_at, ",
            $of,
            "access_expires_at, ",
            $of,
            "refresh_expires_at"
        )
    };
}

/// The beginning of every event's statement: `?1` to `?7` are its context, and the rest says about
/// whom and on which condition.
macro_rules! insert_event {
    ($($about:tt)*) => {
        concat!(
            "INSERT INTO events (id, at, kind, actor, address, user_agent, request_id, user_id, session_id)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ",
            $($about)*
        )
    };
}

/// The same for an event about a passkey or a device, which is its subject.
macro_rules! insert_subject_event {
    ($($about:tt)*) => {
        concat!(
            "INSERT INTO events (id, at, kind, actor, address, user_agent, request_id, user_id, session_id, subject)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ",
            $($about)*
        )
    };
}
