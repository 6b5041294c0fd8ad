//! The CBOR that an app sends: attestation objects and assertions, with exactly the members that
//! Apple writes.

use crate::accounts::domain::cbor::{CborReader, once};

/// The maximum length of an object. Devices send about 6 KB, most of it receipt.
pub const MOST_BYTES: usize = 64 * 1024;

/// The maximum length of a receipt. Devices send about 4 KB.
const MOST_RECEIPT_BYTES: usize = 16 * 1024;

/// An attestation object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AppAttestObject<'a> {
    /// The format of the statement.
    pub format: &'a str,
    /// The certificate of the key: DER.
    pub leaf: &'a [u8],
    /// The certificate of its issuer: DER.
    pub intermediate: &'a [u8],
    /// The receipt. Apple's servers return the risk of a device in exchange for it.
    pub receipt: &'a [u8],
    /// The authenticator data.
    pub auth_data: &'a [u8],
}

/// An assertion.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AssertionObject<'a> {
    /// The signature over the nonce: DER.
    pub signature: &'a [u8],
    /// The authenticator data.
    pub authenticator_data: &'a [u8],
}

fn reader(bytes: &[u8]) -> Result<CborReader<'_>, &'static str> {
    if bytes.len() > MOST_BYTES {
        Err("the CBOR is too long")
    } else {
        Ok(CborReader::new(bytes))
    }
}

struct AppleStatement<'a> {
    x5c: [&'a [u8]; 2],
    receipt: &'a [u8],
}

fn statement<'a>(reader: &mut CborReader<'a>) -> Result<AppleStatement<'a>, &'static str> {
    let (mut x5c, mut receipt) = (None, None);
    for _ in 0..reader.map()? {
        match reader.text()? {
            "x5c" => {
                if reader.array()? != 2 {
                    return Err("x5c is not two certificates, leaf and intermediate");
                }
                once(&mut x5c, [reader.bytes()?, reader.bytes()?])?;
            }
            "receipt" => once(&mut receipt, reader.bytes().and_then(short_receipt)?)?,
            _ => return Err("attStmt has an unknown member"),
        }
    }
    let lacks = "attStmt lacks x5c or receipt";
    Ok(AppleStatement {
        x5c: x5c.ok_or(lacks)?,
        receipt: receipt.ok_or(lacks)?,
    })
}

fn short_receipt(receipt: &[u8]) -> Result<&[u8], &'static str> {
    if receipt.len() > MOST_RECEIPT_BYTES {
        Err("the receipt is too long")
    } else {
        Ok(receipt)
    }
}

/// Reads an attestation object that fills `bytes` to the end.
///
/// # Errors
/// Returns the reason why `bytes` cannot be read.
pub fn parse_attestation(bytes: &[u8]) -> Result<AppAttestObject<'_>, &'static str> {
    let mut reader = reader(bytes)?;
    let (mut format, mut stated, mut auth_data) = (None, None, None);
    for _ in 0..reader.map()? {
        match reader.text()? {
            "fmt" => once(&mut format, reader.text()?)?,
            "attStmt" => once(&mut stated, statement(&mut reader)?)?,
            "authData" => once(&mut auth_data, reader.bytes()?)?,
            _ => return Err("the attestation object has an unknown member"),
        }
    }
    reader.end()?;
    let lacks = "the attestation object lacks fmt, attStmt or authData";
    let AppleStatement {
        x5c: [leaf, intermediate],
        receipt,
    } = stated.ok_or(lacks)?;
    Ok(AppAttestObject {
        format: format.ok_or(lacks)?,
        leaf,
        intermediate,
        receipt,
        auth_data: auth_data.ok_or(lacks)?,
    })
}

/// Reads an assertion that fills `bytes` to the end.
///
/// # Errors
/// Returns the reason why `bytes` cannot be read.
pub fn parse_assertion(bytes: &[u8]) -> Result<AssertionObject<'_>, &'static str> {
    let mut reader = reader(bytes)?;
    let (mut signature, mut authenticator_data) = (None, None);
    for _ in 0..reader.map()? {
        match reader.text()? {
            "signature" => once(&mut signature, reader.bytes()?)?,
            "authenticatorData" => once(&mut authenticator_data, reader.bytes()?)?,
            _ => return Err("the assertion has an unknown member"),
        }
    }
    reader.end()?;
    let lacks = "the assertion lacks signature or authenticatorData";
    Ok(AssertionObject {
        signature: signature.ok_or(lacks)?,
        authenticator_data: authenticator_data.ok_or(lacks)?,
    })
}
