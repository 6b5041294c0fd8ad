//! Ed25519 by `WebCrypto`. It takes a fifth of the CPU time of an implementation in wasm and adds
//! nothing to the module.

use std::cell::RefCell;
use std::collections::HashMap;

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use js_sys::{Array, JSON, Promise, Uint8Array};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::JsFuture;
use worker::send::{SendFuture, SendWrapper};
use zeroize::Zeroizing;

use crate::accounts::domain::access_token::Signatures;
use crate::accounts::model::signing_keys::SigningKey;

const ALGORITHM: &str = "Ed25519";

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_namespace = ["crypto", "subtle"], js_name = importKey)]
    fn import_key(
        format: &str,
        key: &JsValue,
        algorithm: &str,
        extractable: bool,
        usages: &Array,
    ) -> Result<Promise, JsValue>;
    #[wasm_bindgen(catch, js_namespace = ["crypto", "subtle"])]
    fn sign(algorithm: &str, key: &JsValue, message: &Uint8Array) -> Result<Promise, JsValue>;
    #[wasm_bindgen(catch, js_namespace = ["crypto", "subtle"])]
    fn verify(
        algorithm: &str,
        key: &JsValue,
        signature: &Uint8Array,
        message: &Uint8Array,
    ) -> Result<Promise, JsValue>;
}

/// `crypto.subtle`, with the imported keys by `kid`, each for one use.
pub(super) struct WebCryptoSignatures {
    imported: SendWrapper<RefCell<HashMap<(Use, String), JsValue>>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Use {
    Sign,
    Verify,
}

impl WebCryptoSignatures {
    pub(super) fn new() -> Self {
        Self {
            imported: SendWrapper::new(RefCell::default()),
        }
    }

    async fn imported(&self, key: &SigningKey, purpose: Use) -> Result<JsValue, JsValue> {
        let name = (purpose, key.kid.clone());
        if let Some(known) = self.imported.borrow().get(&name) {
            return Ok(known.clone());
        }
        let (x, usage) = (
            key.x(),
            if purpose == Use::Sign {
                "sign"
            } else {
                "verify"
            },
        );
        let d = Zeroizing::new(match (purpose, key.seed()) {
            (Use::Verify, _) => String::new(),
            (Use::Sign, Some(seed)) => format!(r#","d":"{}""#, URL_SAFE_NO_PAD.encode(seed)),
            (Use::Sign, None) => return Err(JsValue::UNDEFINED),
        });
        let jwk = Zeroizing::new(format!(
            r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}"{}}}"#,
            *d
        ));
        let promise = import_key(
            "jwk",
            &JSON::parse(&jwk)?,
            ALGORITHM,
            false,
            &Array::of1(&usage.into()),
        )?;
        let made = JsFuture::from(promise).await?;
        self.imported.borrow_mut().insert(name, made.clone());
        Ok(made)
    }

    async fn signed(&self, key: &SigningKey, message: &[u8]) -> Result<Vec<u8>, JsValue> {
        let key = self.imported(key, Use::Sign).await?;
        Ok(Uint8Array::new(
            &JsFuture::from(sign(ALGORITHM, &key, &Uint8Array::from(message))?).await?,
        )
        .to_vec())
    }

    async fn verified(
        &self,
        key: &SigningKey,
        message: &[u8],
        signature: &[u8],
    ) -> Result<bool, JsValue> {
        let key = self.imported(key, Use::Verify).await?;
        let promise = verify(
            ALGORITHM,
            &key,
            &Uint8Array::from(signature),
            &Uint8Array::from(message),
        )?;
        Ok(JsFuture::from(promise).await?.is_truthy())
    }
}

// Promises of JavaScript are not Send, but the Worker has one thread.
#[async_trait]
impl Signatures for WebCryptoSignatures {
    async fn sign(&self, key: &SigningKey, message: &[u8]) -> Option<[u8; 64]> {
        let signed = SendFuture::new(self.signed(key, message)).await;
        signed.ok()?.try_into().ok()
    }

    async fn verifies(
        &self,
        key: &SigningKey,
        message: &[u8],
        signature: &[u8; 64],
    ) -> Option<bool> {
        SendFuture::new(self.verified(key, message, signature))
            .await
            .ok()
    }
}
