//! The JSON of authenticators' responses (WebAuthn Level 3 §5.1.8). The reader is as lenient as
//! real clients need it: it accepts any spelling of base64, snake case beside camel case, and the
//! absence of members that nothing depends on (CONTRACT §5).

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use crate::kernel::model::base64;

/// The maximum number of stored transports. The registry has seven.
const MOST_TRANSPORTS: usize = 8;
/// The maximum length of a stored transport, in characters.
const TRANSPORT_CHARS: usize = 32;

/// The content of a `RegistrationResponseJSON`.
#[derive(Clone, Debug)]
pub struct RegistrationResponse {
    /// The member `id`, decoded.
    pub id: Option<Vec<u8>>,
    /// The id of the credential.
    pub raw_id: Vec<u8>,
    /// Whether `type` is `public-key` or left out.
    pub is_public_key: bool,
    /// The client data.
    pub client_data_json: Vec<u8>,
    /// The attestation object.
    pub attestation_object: Vec<u8>,
    /// The transports by which the authenticator can be reached. They are hints, limited in number
    /// and length.
    pub transports: Vec<String>,
}

/// The content of an `AuthenticationResponseJSON`.
#[derive(Clone, Debug)]
pub struct AuthenticationResponse {
    /// The member `id`, decoded.
    pub id: Option<Vec<u8>>,
    /// The id of the credential.
    pub raw_id: Vec<u8>,
    /// Whether `type` is `public-key` or left out.
    pub is_public_key: bool,
    /// The client data.
    pub client_data_json: Vec<u8>,
    /// The authenticator data.
    pub authenticator_data: Vec<u8>,
    /// The signature over authenticator data and client data.
    pub signature: Vec<u8>,
    /// The user handle of the credential's owner, if the authenticator sent one. An empty user
    /// handle counts as none.
    pub user_handle: Option<Vec<u8>>,
}

impl RegistrationResponse {
    /// Checks that the response belongs to a public key credential.
    ///
    /// # Errors
    /// Returns the reason why it does not.
    pub fn check(&self) -> Result<(), &'static str> {
        check(self.is_public_key, self.id.as_deref(), &self.raw_id)
    }
}

impl AuthenticationResponse {
    /// Checks that the response belongs to a public key credential.
    ///
    /// # Errors
    /// Returns the reason why it does not.
    pub fn check(&self) -> Result<(), &'static str> {
        check(self.is_public_key, self.id.as_deref(), &self.raw_id)
    }
}

fn check(is_public_key: bool, id: Option<&[u8]>, raw_id: &[u8]) -> Result<(), &'static str> {
    if !is_public_key {
        return Err("the credential is of another type");
    }
    if id.is_some_and(|id| id != raw_id) {
        Err("id and rawId differ")
    } else {
        Ok(())
    }
}

/// The response of an authenticator to a registration.
#[derive(Deserialize, ToSchema)]
#[schema(as = RegistrationResponseJSON)]
struct RegistrationJson {
    /// The id of the credential, base64url.
    #[serde(default, deserialize_with = "optional")]
    #[schema(value_type = String)]
    id: Option<Vec<u8>>,
    /// The id of the credential again, base64url.
    #[serde(
        rename = "rawId",
        alias = "raw_id",
        default,
        deserialize_with = "optional"
    )]
    #[schema(value_type = String)]
    raw_id: Option<Vec<u8>>,
    /// `public-key`.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// The response of the authenticator.
    #[serde(deserialize_with = "object")]
    response: AttestationJson,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = AuthenticatorAttestationResponseJSON)]
struct AttestationJson {
    #[serde(
        rename = "clientDataJSON",
        alias = "client_data_json",
        alias = "clientDataJson",
        deserialize_with = "binary"
    )]
    #[schema(value_type = String)]
    client_data_json: Vec<u8>,
    #[serde(
        rename = "attestationObject",
        alias = "attestation_object",
        deserialize_with = "binary"
    )]
    #[schema(value_type = String)]
    attestation_object: Vec<u8>,
    transports: Option<Vec<String>>,
}

/// The response of an authenticator to a sign-in.
#[derive(Deserialize, ToSchema)]
#[schema(as = AuthenticationResponseJSON)]
struct AuthenticationJson {
    /// The id of the credential, base64url.
    #[serde(default, deserialize_with = "optional")]
    #[schema(value_type = String)]
    id: Option<Vec<u8>>,
    /// The id of the credential again, base64url.
    #[serde(
        rename = "rawId",
        alias = "raw_id",
        default,
        deserialize_with = "optional"
    )]
    #[schema(value_type = String)]
    raw_id: Option<Vec<u8>>,
    /// `public-key`.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// The response of the authenticator.
    #[serde(deserialize_with = "object")]
    response: AssertionJson,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = AuthenticatorAssertionResponseJSON)]
struct AssertionJson {
    #[serde(
        rename = "clientDataJSON",
        alias = "client_data_json",
        alias = "clientDataJson",
        deserialize_with = "binary"
    )]
    #[schema(value_type = String)]
    client_data_json: Vec<u8>,
    #[serde(
        rename = "authenticatorData",
        alias = "authenticator_data",
        deserialize_with = "binary"
    )]
    #[schema(value_type = String)]
    authenticator_data: Vec<u8>,
    #[serde(deserialize_with = "binary")]
    #[schema(value_type = String)]
    signature: Vec<u8>,
    #[serde(
        rename = "userHandle",
        alias = "user_handle",
        default,
        deserialize_with = "optional"
    )]
    #[schema(value_type = Option<String>)]
    user_handle: Option<Vec<u8>>,
}

/// Reads an object and refuses a list, which a derived reader would read by position.
fn object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    struct Object<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(members))
        }
    }
    deserializer.deserialize_map(Object(PhantomData))
}

fn binary<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    base64::decode(&String::deserialize(deserializer)?)
        .ok_or_else(|| serde::de::Error::custom("not base64"))
}

fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else {
        return Ok(None);
    };
    let bytes = base64::decode(&text).ok_or_else(|| serde::de::Error::custom("not base64"))?;
    Ok(Some(bytes).filter(|bytes| !bytes.is_empty()))
}

/// Either of the two says which credential it is.
fn raw_id<E: serde::de::Error>(
    raw_id: Option<Vec<u8>>,
    id: Option<&Vec<u8>>,
) -> Result<Vec<u8>, E> {
    raw_id
        .or_else(|| id.cloned())
        .ok_or_else(|| E::missing_field("rawId"))
}

impl<'de> Deserialize<'de> for RegistrationResponse {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json: RegistrationJson = object(deserializer)?;
        let mut transports = json.response.transports.unwrap_or_default();
        transports.retain(|name| is_transport(name));
        transports.truncate(MOST_TRANSPORTS);
        Ok(Self {
            raw_id: raw_id(json.raw_id, json.id.as_ref())?,
            id: json.id,
            is_public_key: json.kind.is_none_or(|kind| kind == "public-key"),
            client_data_json: json.response.client_data_json,
            attestation_object: json.response.attestation_object,
            transports,
        })
    }
}

/// Transports to come are kept too, as §5.1.8 wants it: a word of small letters.
fn is_transport(name: &str) -> bool {
    (1..=TRANSPORT_CHARS).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

impl<'de> Deserialize<'de> for AuthenticationResponse {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json: AuthenticationJson = object(deserializer)?;
        Ok(Self {
            raw_id: raw_id(json.raw_id, json.id.as_ref())?,
            id: json.id,
            is_public_key: json.kind.is_none_or(|kind| kind == "public-key"),
            client_data_json: json.response.client_data_json,
            authenticator_data: json.response.authenticator_data,
            signature: json.response.signature,
            user_handle: json.response.user_handle,
        })
    }
}

/// Their schemas are those of the JSON that they are read from.
macro_rules! schema_of {
    ($read:ty, $json:ty) => {
        impl utoipa::PartialSchema for $read {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                <$json as utoipa::PartialSchema>::schema()
            }
        }

        impl ToSchema for $read {
            fn name() -> std::borrow::Cow<'static, str> {
                <$json as ToSchema>::name()
            }

            fn schemas(
                schemas: &mut Vec<(
                    String,
                    utoipa::openapi::RefOr<utoipa::openapi::schema::Schema>,
                )>,
            ) {
                <$json as ToSchema>::schemas(schemas);
            }
        }
    };
}
schema_of!(RegistrationResponse, RegistrationJson);
schema_of!(AuthenticationResponse, AuthenticationJson);
