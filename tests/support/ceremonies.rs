//! Recorded ceremonies of the specification, and keys of every kind that sign.

use std::time::Duration;

use hamrah_api::accounts::domain::webauthn::cose::Algorithm;
use serde_json::json;
use sha2::Sha256;
use webauthn_rs::prelude::Url;
use webauthn_rs_core::WebauthnCore;
use webauthn_rs_core::proto::{
    AttestationFormat, COSEKey, Credential, ParsedAttestation, PublicKeyCredential,
    RegisteredExtensions, UserVerificationPolicy,
};

pub fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal"))
        .collect()
}

/// A registration and a sign-in of the specification, without the values that all vectors share.
pub struct Vector {
    pub name: &'static str,
    /// The credential id.
    pub id: &'static str,
    /// The challenge of the registration, and the text that the client data ends with.
    pub created: (&'static str, &'static str),
    pub attestation_object: &'static str,
    /// The steps of §7.1 that fail.
    pub registration_fails_at: &'static [u8],
    pub algorithm: Algorithm,
    /// The challenge of the sign-in, and the text that the client data ends with.
    pub asserted: (&'static str, &'static str),
    /// The flags of the sign-in.
    pub flags: u8,
    pub signature: &'static str,
}

/// The origin of the test vectors.
pub const ORIGIN: &str = "https://example.org";
/// SHA-256 of `example.org`.
pub const RP_ID_HASH: &str = "bfabc37432958b063360d3ad6461c9c4735ae7f8edd46592a5e0f01452b2e4b5";

pub const VECTORS: [Vector; 3] = [
    Vector {
        name: "§16.2, none.ES256",
        id: "f91f391db4c9b2fde0ea70189cba3fb63f579ba6122b33ad94ff3ec330084be4",
        created: (
            "AMMPt4UxxGTStncdq417YDwBFi8vpIa-pw8oOuVW4TA",
            "BkQeDjdcTBrXBiAwJTLE5Q",
        ),
        attestation_object: "a363666d74646e6f6e656761747453746d74a068617574684461746158a4bfabc37\
             432958b063360d3ad6461c9c4735ae7f8edd46592a5e0f01452b2e4b559000000008446ccb9ab1db37\
             4750b2367ff6f3a1f0020f91f391db4c9b2fde0ea70189cba3fb63f579ba6122b33ad94ff3ec330084\
             be4a5010203262001215820afefa16f97ca9b2d23eb86ccb64098d20db90856062eb249c33a9b672f2\
             6df61225820930a56b87a2fca66334b03458abf879717c12cc68ed73290af2e2664796b9220",
        registration_fails_at: &[16],
        algorithm: Algorithm::Es256,
        asserted: ("OcDnUhQXulTUPo3JUXT0I97pvzzYBP9tZchXyav01Ag", ""),
        flags: 0x19,
        signature: "3046022100f50a4e2e4409249c4a853ba361282f09841df4dd4547a13a87780218deffcd3802\
             21008480ac0f0b93538174f575bf11a1dd5d78c6e486013f937295ea13653e331e87",
    },
    Vector {
        name: "§16.3, packed-self.ES256",
        id: "455ef34e2043a87db3d4afeb39bbcb6cc32df9347c789a865ecdca129cbef58c",
        created: (
            "eGnCt3LUtY66k3jPjynibPk1qnffDaifqZwL3Ap29-U",
            "U9hTXvKE2URkMnb_0xYHVg",
        ),
        attestation_object: "a363666d74667061636b65646761747453746d74a263616c6726637369675846304\
             40220067a20754ab925005dbf378097c92120031581c73228d1fb4f5b881bcd7da98302207fc7b1475\
             58c7c0eba3af18bd9d121fa3d3a26d17fe3f220272178f473b6006d68617574684461746158a4bfabc\
             37432958b063360d3ad6461c9c4735ae7f8edd46592a5e0f01452b2e4b55d00000000df850e09db6af\
             bdfab51697791506cfc0020455ef34e2043a87db3d4afeb39bbcb6cc32df9347c789a865ecdca129cb\
             ef58ca5010203262001215820eb151c8176b225cc651559fecf07af450fd85802046656b34c18f6cf1\
             93843c5225820927b8aa427a2be1b8834d233a2d34f61f13bfd44119c325d5896e183fee484f2",
        registration_fails_at: &[],
        algorithm: Algorithm::Es256,
        asserted: (
            "RHihCxNSNI3RYME1Ow1Gm12xnrkcJ_ffpv7Tn-Jq8gs",
            "gTb53rz6EhSWomXGzimC1Q",
        ),
        flags: 0x09,
        signature: "304402203310b9431903c401f1be2bdc8d23a4007682dbbddcf846994947b7f465daf8400220\
             4e94dd00047b316061b3b99772b7efd95994a83ef584b3b6b825ea3550251b66",
    },
    Vector {
        name: "§16.11, packed.EdDSA",
        id: "ce9f840ed96599580cd140fbc7bb3230633f50f61041aff73308ae71caa8a2bd",
        created: (
            "qKv52r3GsN9jRms5vanoo0o04YUzelnxxXmZBnbTs70",
            "B_DT5g7ZD_-9OTLYX5IvEQ",
        ),
        attestation_object: "a363666d74667061636b65646761747453746d74a363616c6726637369675848304\
             6022100d83f60bd80269537583218858aefb03ac57d45fa06e42feaae332d187f62da9f022100a02bd\
             3cb6f7e1d283c93bad1f3f4b5a4c0494463da7fdbf256949116754d1f1763783563815902273082022\
             3308201c8a003020102021100b2cfc9ea33c8643b0e1a760463eaf164300a06082a8648ce3d0403023\
             062311e301c06035504030c15576562417574686e207465737420766563746f7273310c300a0603550\
             40a0c0357334331253023060355040b0c1c41757468656e74696361746f72204174746573746174696\
             f6e204341310b30090603550406130241413020170d3234303130313030303030305a180f333032343\
             03130313030303030305a305f311e301c06035504030c15576562417574686e2074657374207665637\
             46f7273310c300a060355040a0c0357334331223020060355040b0c1941757468656e74696361746f7\
             2204174746573746174696f6e310b30090603550406130241413059301306072a8648ce3d020106082\
             a8648ce3d03010703420004dd2b7a564b73b8c0b81c4c62e521925c4d1198ec9f583dbf1eebe364b65\
             cd9c29a9bdf346aaa81fb6b9507e5249a52fdaf8e39e26b0b7dc45992a7e233b70f70a360305e300c0\
             603551d130101ff04023000300e0603551d0f0101ff040403020780301d0603551d0e041604140ae27\
             546bc7eccb1b4b597bd354f0c0b1f1f8f8e301f0603551d2304183016801445aff715b0dd786741fee\
             996ebc16547a3931b1e300a06082a8648ce3d0403020349003046022100a0d434ecb5fc3bfd7da5f41\
             904517ad2836249f561bd834ba7a438a8ab7a4ce8022100fac845bb7a02513b58e9f319654dbe49b0f\
             02b95835bac568c71f8a18cdde9ab6861757468446174615881bfabc37432958b063360d3ad6461c9c\
             4735ae7f8edd46592a5e0f01452b2e4b54100000000d5aa33581e8ca478e20fe713f5d32ff20020ce9\
             f840ed96599580cd140fbc7bb3230633f50f61041aff73308ae71caa8a2bda40101032720062158204\
             4e06ddd331c36a8dc667bab52bcae63486c916aa5e339e6acebaa84934bf832",
        registration_fails_at: &[16],
        algorithm: Algorithm::EdDsa,
        asserted: ("iVlX4BxjOmmDSKLYoxpUt9sn6MHEOyCA15riGQJnv9I", ""),
        flags: 0x01,
        signature: "f5c59c7e46c34f6f8cc197101ddf9934fa2595f68eb1913a637e8419eb9ba4cfdfc48f85393b\
             c0d40b011f0d6fecb097d6607525713223a0dc0d453993dae00b",
    },
];

/// A key that signs.
pub type Signer = Box<dyn Fn(&[u8]) -> Vec<u8>>;

/// Returns COSE keys of each kind, with functions that sign with their private keys.
pub fn keys() -> Vec<(Algorithm, Vec<u8>, Signer)> {
    use p256::ecdsa::signature::Signer as Sign;
    use rsa::signature::SignatureEncoding;
    use rsa::traits::PublicKeyParts;

    let bytes = |bytes: &[u8]| {
        [
            &[0x59][..],
            &u16::try_from(bytes.len()).expect("short").to_be_bytes(),
            bytes,
        ]
        .concat()
    };
    let nist256 = p256::ecdsa::SigningKey::from_slice(&[7; 32]).expect("a key");
    let point = nist256.verifying_key().to_sec1_point(false);
    let es256 = [
        &[0xA5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32][..],
        point.x().expect("x"),
        &[0x22, 0x58, 32],
        point.y().expect("y"),
    ]
    .concat();
    let sign_nist256: Signer = Box::new(move |message| {
        Sign::<p256::ecdsa::DerSignature>::sign(&nist256, message)
            .as_bytes()
            .to_vec()
    });
    let nist384 = p384::ecdsa::SigningKey::from_slice(&[7; 48]).expect("a key");
    let point = nist384.verifying_key().to_sec1_point(false);
    let es384 = [
        &[0xA5, 1, 2, 3, 0x38, 34, 0x20, 2, 0x21, 0x58, 48][..],
        point.x().expect("x"),
        &[0x22, 0x58, 48],
        point.y().expect("y"),
    ]
    .concat();
    let sign_nist384: Signer = Box::new(move |message| {
        Sign::<p384::ecdsa::DerSignature>::sign(&nist384, message)
            .as_bytes()
            .to_vec()
    });
    let private = rsa::RsaPrivateKey::new(&mut rand::rng(), 2048).expect("a key");
    let rs256 = [
        &[0xA4, 1, 3, 3, 0x39, 1, 0, 0x20][..],
        &bytes(&private.n().to_be_bytes()),
        &[0x21, 0x43, 1, 0, 1],
    ]
    .concat();
    let private = rsa::pkcs1v15::SigningKey::<Sha256>::new(private);
    let sign_rs: Signer = Box::new(move |message| private.sign(message).to_vec());
    let edwards = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    let eddsa = [
        &[0xA4, 1, 1, 3, 0x27, 0x20, 6, 0x21, 0x58, 32][..],
        &edwards.verifying_key().to_bytes(),
    ]
    .concat();
    let sign_edwards: Signer = Box::new(move |message| edwards.sign(message).to_bytes().to_vec());
    vec![
        (Algorithm::Es256, es256, sign_nist256),
        (Algorithm::Es384, es384, sign_nist384),
        (Algorithm::Rs256, rs256, sign_rs),
        (Algorithm::EdDsa, eddsa, sign_edwards),
    ]
}

/// Returns `good` with each of its bits changed in turn.
pub fn changed(good: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let bits = (0..good.len()).flat_map(|place| (0..8).map(move |bit| (place, bit)));
    bits.map(|(place, bit)| {
        let mut bytes = good.to_vec();
        bytes[place] ^= 1 << bit;
        bytes
    })
}

pub fn client_data(kind: &str, challenge: &str, extra: &str) -> String {
    let text = format!(
        r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{ORIGIN}","crossOrigin":false"#
    );
    if extra.is_empty() {
        return text + "}";
    }
    text + ",\"extraData\":\"clientDataJSON may be extended with additional fields in the \
         future, such as this: "
        + extra
        + "\"}"
}

/// Returns whether webauthn-rs accepts a sign-in without our own checks before it.
pub fn library_accepts(key: &[u8], challenge: &str, response: serde_json::Value) -> bool {
    let sent: PublicKeyCredential = serde_json::from_value(response).expect("a response");
    let key: serde_cbor_2::Value = serde_cbor_2::from_slice(key).expect("CBOR");
    let credential = Credential {
        cred_id: sent.raw_id.clone(),
        cred: COSEKey::try_from(&key).expect("a key"),
        counter: 0,
        transports: None,
        user_verified: true,
        backup_eligible: false,
        backup_state: false,
        registration_policy: UserVerificationPolicy::Required,
        extensions: RegisteredExtensions::none(),
        attestation: ParsedAttestation::default(),
        attestation_format: AttestationFormat::None,
    };
    let state = serde_json::from_value(json!({
        "credentials": [],
        "policy": "required",
        "challenge": challenge,
        "appid": null,
        "allow_backup_eligible_upgrade": false,
    }));
    let origins = vec![Url::parse(ORIGIN).expect("a URL")];
    WebauthnCore::new_unsafe_experts_only("", "example.org", origins, Duration::ZERO, None, None)
        .authenticate_single_credential(&sent, &state.expect("a state"), &credential)
        .is_ok()
}
