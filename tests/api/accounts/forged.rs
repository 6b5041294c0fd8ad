//! About a hundred and seventy forged tokens (RFC 8725). The API accepts none.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::harness::{TestApp, case, claims};

fn encode(value: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(value)
}

fn parts(token: &str) -> [&str; 3] {
    let parts: Vec<&str> = token.split('.').collect();
    parts.try_into().expect("three parts")
}

fn header(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts(token)[0]).expect("base64url"))
        .expect("JSON")
}

fn with(object: &Value, field: &str, value: Value) -> Value {
    let mut changed = object.clone();
    changed[field] = value;
    changed
}

fn without(object: &Value, field: &str) -> Value {
    let mut changed = object.clone();
    changed.as_object_mut().expect("an object").remove(field);
    changed
}

/// Headers that ask the verifier to use another algorithm, key or type. All are signed with the
/// right key, so only the header is wrong.
fn wrong_headers(good: &Value) -> Vec<Value> {
    let mut headers: Vec<Value> = [
        "none", "None", "nOnE", "", "HS256", "HS512", "RS256", "PS256", "ES256", "ES384",
        "Ed25519", "EdDSA ", "eddsa",
    ]
    .map(|alg| with(good, "alg", json!(alg)))
    .to_vec();
    headers.extend(
        [
            json!(null),
            json!(0),
            json!(["EdDSA"]),
            json!({"alg": "EdDSA"}),
        ]
        .map(|alg| with(good, "alg", alg)),
    );
    headers.extend(
        [
            "JWT",
            "jwt",
            "rt+jwt",
            "AT+JWT",
            "application/at+jwt",
            "at+jwt ",
            "",
        ]
        .map(|kind| with(good, "typ", json!(kind))),
    );
    headers.extend([json!(null), json!(1)].map(|kind| with(good, "typ", kind)));
    let long = "k".repeat(10_000);
    let kids = [
        "",
        "unknown",
        "../../../dev/null",
        "' OR 1=1 --",
        "/etc/passwd",
        "https://evil.example/key",
        "\u{0}",
        &long,
    ];
    headers.extend(kids.map(|kid| with(good, "kid", json!(kid))));
    headers.extend(
        [json!(null), json!(0), json!([good["kid"]]), json!({})].map(|kid| with(good, "kid", kid)),
    );
    headers.extend(["alg", "typ", "kid"].map(|field| without(good, field)));
    let foreign =
        json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    headers.extend([
        with(good, "jwk", foreign),
        with(good, "jku", json!("https://evil.example/jwks.json")),
        with(good, "x5u", json!("https://evil.example/cert.pem")),
        with(good, "x5c", json!(["MIIB"])),
        with(good, "crit", json!(["exp"])),
        with(good, "crit", json!([])),
        json!([]),
        json!("EdDSA"),
        json!(null),
    ]);
    headers
}

/// Claims that this API does not issue, signed with the right key.
fn wrong_claims(good: &Value, other_user: &str) -> Vec<Value> {
    let mut all = Vec::new();
    for (field, values) in [
        (
            "iss",
            vec![
                json!("https://evil.example"),
                json!(""),
                json!(1),
                json!(["http://localhost"]),
                json!(null),
                json!("http://localhost/"),
            ],
        ),
        (
            "aud",
            vec![
                json!("other"),
                json!(""),
                json!(["hamrah"]),
                json!(["hamrah", "other"]),
                json!(null),
                json!(1),
                json!("HAMRAH"),
            ],
        ),
        (
            "sub",
            vec![
                json!(other_user),
                json!(""),
                json!("x"),
                json!(1),
                json!(null),
                json!([good["sub"]]),
                json!("67e55044-10b1-426f-9247-bb680e5fe0c8"),
            ],
        ),
        (
            "sid",
            vec![
                json!(""),
                json!("x"),
                json!(1),
                json!(null),
                json!("67e55044-10b1-426f-9247-bb680e5fe0c8"),
                good["sub"].clone(),
                good["jti"].clone(),
            ],
        ),
        (
            "exp",
            vec![
                json!(1),
                json!(0),
                json!(-1),
                json!(null),
                json!("9999999999"),
                json!(9_999_999_999.5),
                json!([9_999_999_999_i64]),
                json!(true),
            ],
        ),
        ("nbf", vec![json!(9_999_999_999_i64), json!("1")]),
        (
            "iat",
            vec![json!(9_999_999_999_i64), json!(null), json!("1")],
        ),
        ("jti", vec![json!(null), json!(1)]),
        ("client_id", vec![json!(null), json!(1)]),
    ] {
        all.extend(values.into_iter().map(|value| with(good, field, value)));
        if field != "nbf" {
            all.push(without(good, field));
        }
    }
    let deep = (0..200).fold(json!(1), |inner, _| json!([inner]));
    all.extend([
        json!([good]),
        json!("x"),
        json!(null),
        json!({}),
        with(good, "sub", deep),
        with(good, "huge", json!("x".repeat(100_000))),
    ]);
    all
}

/// Texts that are not the compact form, or that are another spelling of it.
fn wrong_shapes(token: &str) -> Vec<String> {
    let [head, body, signature] = parts(token);
    let raw = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
    let respelled =
        |last: char| format!("{head}.{body}.{}{last}", &signature[..signature.len() - 1]);
    let mut shapes = vec![
        head.to_owned(),
        format!("{head}.{body}"),
        format!("{head}.{body}."),
        format!("{head}..{signature}"),
        format!(".{body}.{signature}"),
        "..".to_owned(),
        "...".to_owned(),
        format!("{token}."),
        format!("{token}.{signature}"),
        format!("{token}.{body}.{signature}"),
        format!("{token}="),
        format!("{token}=="),
        format!("{head}=.{body}.{signature}"),
        format!("{token}A"),
        format!("{token}%20"),
        token[..token.len() - 1].to_owned(),
        token[1..].to_owned(),
        token.to_uppercase(),
        format!("{head}.{body}.{}", STANDARD.encode(&raw)),
        format!("{head}.{body}.{}", encode(&raw[..63])),
        format!("{head}.{body}.{}", encode([raw.as_slice(), &[0]].concat())),
        format!("{head}.{body}.{}", encode([0; 64])),
        format!(
            "{head}.{body}.{}",
            encode([raw.as_slice(), raw.as_slice()].concat())
        ),
        format!("{body}.{head}.{signature}"),
        format!("{head}.{head}.{signature}"),
        "a.b.c".to_owned(),
        "e30.e30.e30".to_owned(),
    ];
    // The last character has four unused bits. Every spelling but ours is refused.
    let last = signature.chars().last().expect("a character");
    shapes.extend(
        ['A', 'B', 'Q', 'R', 'g', 'h', 'w', 'x']
            .into_iter()
            .filter(|other| *other != last)
            .map(respelled),
    );
    // S + L verifies where the check that S < L is missing (RFC 8032 §8.4).
    shapes.push(format!("{head}.{body}.{}", encode(plus_order(&raw))));
    for index in 0..raw.len() {
        let mut flipped = raw.clone();
        flipped[index] ^= 1;
        shapes.push(format!("{head}.{body}.{}", encode(flipped)));
    }
    shapes
}

fn plus_order(signature: &[u8]) -> Vec<u8> {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut carry = 0_u16;
    let sum = signature[32..].iter().zip(ORDER).map(|(s, l)| {
        let sum = u16::from(*s) + u16::from(l) + carry;
        carry = sum >> 8;
        sum.to_le_bytes()[0]
    });
    [&signature[..32], &sum.collect::<Vec<_>>()].concat()
}

/// Raw JSON that a structure cannot express: repeated members, and text after the object.
fn wrong_json(app: &TestApp, good_header: &Value, good: &Value) -> Vec<String> {
    let (head, body) = (good_header.to_string(), good.to_string());
    let twice = |json: &str, member: &str| format!("{{{member},{}", &json[1..]);
    let mut tokens = Vec::new();
    for member in [r#""alg":"none""#, r#""kid":"other""#, r#""typ":"JWT""#] {
        tokens.push(app.sign(&format!(
            "{}.{}",
            encode(twice(&head, member)),
            encode(&body)
        )));
    }
    for member in [
        r#""sub":"x""#,
        r#""sid":"x""#,
        r#""exp":9999999999"#,
        r#""iss":"x""#,
        r#""aud":"x""#,
        r#""iat":1"#,
    ] {
        tokens.push(app.sign(&format!(
            "{}.{}",
            encode(&head),
            encode(twice(&body, member))
        )));
    }
    for (head, body) in [
        (format!("{head}x"), body.clone()),
        (head.clone(), format!("{body}{body}")),
        (head.clone(), "{".to_owned()),
        (head, "\u{FEFF}{}".to_owned()),
    ] {
        tokens.push(app.sign(&format!("{}.{}", encode(head), encode(body))));
    }
    tokens
}

/// The published key as an HMAC secret, and a foreign key.
fn wrong_keys(app: &TestApp, token: &str) -> Vec<String> {
    let keys: Value = serde_json::from_str(&app.settings["JWT_SIGNING_KEYS"]).expect("a JWK set");
    let x = keys["keys"][0]["x"].as_str().expect("x");
    let [_, body, _] = parts(token);
    let head = encode(with(&header(token), "alg", json!("HS256")).to_string());
    let hmac = |key: &[u8]| {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
        mac.update(format!("{head}.{body}").as_bytes());
        format!("{head}.{body}.{}", encode(mac.finalize().into_bytes()))
    };
    let foreign = {
        use ed25519_dalek::Signer;
        let [head, body, _] = parts(token);
        let signature = ed25519_dalek::SigningKey::from_bytes(&[5; 32])
            .sign(format!("{head}.{body}").as_bytes());
        format!("{head}.{body}.{}", encode(signature.to_bytes()))
    };
    vec![
        hmac(x.as_bytes()),
        hmac(&URL_SAFE_NO_PAD.decode(x).expect("base64url")),
        hmac(b""),
        foreign,
    ]
}

#[tokio::test]
async fn no_forged_token_is_accepted() {
    case(async |app| {
        let (person, other) = (app.person().await, app.person().await);
        let pair = app.pair(&person).await;
        let (good_header, good) = (header(&pair.access), claims(&pair.access));
        // Without a fault a token that this test signs is accepted.
        assert_eq!(app.me(&app.forge(&good_header, &good)).await, 200);
        assert_eq!(
            app.me(&app.forge(&good_header, &with(&good, "extra", json!(1))))
                .await,
            200
        );

        let mut forged: Vec<String> = wrong_headers(&good_header)
            .iter()
            .map(|header| app.forge(header, &good))
            .collect();
        forged.extend(
            wrong_claims(&good, &other.id)
                .iter()
                .map(|claims| app.forge(&good_header, claims)),
        );
        forged.extend(wrong_shapes(&pair.access));
        forged.extend(wrong_json(app, &good_header, &good));
        forged.extend(wrong_keys(app, &pair.access));
        forged.extend([pair.refresh.clone(), pair.id.clone(), person.id.clone()]);
        assert!(forged.len() > 170, "{}", forged.len());
        for token in &forged {
            // A few tokens cannot be sent in a header.
            if http::HeaderValue::from_str(token).is_err()
                || token.len() > 30_000 && crate::harness::on_workerd()
            {
                continue;
            }
            let answer = app
                .get("/api/auth/tokens/validate")
                .bearer(token)
                .send()
                .await;
            let shown = &token[..token.len().min(1000)];
            if token.len() > 30_000 {
                assert_eq!(answer.problem(431), "headers_too_large", "{shown}");
                continue;
            }
            assert_eq!(answer.status(), 401, "{shown}");
            assert_eq!(answer.problem(401), "invalid_token");
        }
        assert_eq!(
            app.me(&pair.access).await,
            200,
            "the genuine token is still accepted"
        );
    })
    .await;
}
