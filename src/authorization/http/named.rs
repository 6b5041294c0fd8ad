//! Parts that the handlers of roles and permissions share.

use serde::Deserialize;
use utoipa::ToSchema;

/// The name of a role or of a permission.
#[derive(Deserialize, ToSchema)]
pub struct NameRequest {
    /// 1 to 64 printable characters, unique among roles or among permissions, case-sensitive.
    #[schema(example = "Auditor")]
    pub name: String,
}
