//! Hashes of other services: each accepted form is verified against a hash that another
//! implementation made, and replaced at the first sign-in.

use serde_json::json;

use super::passwords::{sign_in, with_password};
use crate::harness::case;

const PASSWORD: &str = "zebra-77-crossing";

/// Hashes of [`PASSWORD`].
///
/// - Argon2: `argon2d`, `argon2i` and `argon2id` of @noble/hashes, `{m: 256, t: 2, p: 1}`.
/// - bcrypt: Python's `crypt.crypt` with libxcrypt. `bcrypt_sha256`: of the hexadecimal digits of
///   `hashlib.sha256`.
/// - scrypt as a PHC string: Node's `crypto.scryptSync(password, salt, 32, {N: 1024, r: 8, p})`.
/// - better-auth: `crypto.scryptSync(password, salt, 64, {N: 16384, r: 16, p: 1})` of Node, with
///   the digits of the salt as the salt, as better-auth's `hashPassword` calls it.
/// - Werkzeug and Django with scrypt: Python's `hashlib.scrypt`, `dklen=64`.
/// - PBKDF2 as a PHC string: Node's `crypto.pbkdf2Sync`.
/// - PBKDF2 of passlib, Django and Werkzeug: Python's `hashlib.pbkdf2_hmac`.
const HASHES: [&str; 23] = [
    "$argon2d$v=19$m=256,t=2,p=1$c29tZXNhbHQ$tcb3s1/QMubnfUH0EYJ1Dv5zAIoN0/xrUCaI09mowHw",
    "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$/7CgKi5juaC9kY9e3nhgDeSYQiAyOttc67bjPThhRow",
    "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$u3ki9cT7WRMmT/kN06zfK6/YYGDovyFl4dfO/XfyQM4",
    "argon2$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$u3ki9cT7WRMmT/kN06zfK6/YYGDovyFl4dfO/XfyQM4",
    "$2a$04$CCCCCCCCCCCCCCCCCCCCC.dJC/uaBL6oSpv5c/xTF9RmGolrnMabK",
    "$2b$04$CCCCCCCCCCCCCCCCCCCCC.dJC/uaBL6oSpv5c/xTF9RmGolrnMabK",
    "$2y$04$CCCCCCCCCCCCCCCCCCCCC.dJC/uaBL6oSpv5c/xTF9RmGolrnMabK",
    "bcrypt$$2b$04$CCCCCCCCCCCCCCCCCCCCC.dJC/uaBL6oSpv5c/xTF9RmGolrnMabK",
    "bcrypt_sha256$$2b$04$CCCCCCCCCCCCCCCCCCCCC.hamiqQx5jkF31tETtfdZUnCE5OsyRh2",
    "$scrypt$ln=10,r=8,p=1$ABEiM0RVZneImaq7zN3u/w$RbSJJbgjv0pZ6M/FL0/ndidiX8ITb9xm6y+RhgNBO9w",
    "$scrypt$ln=10,r=8,p=2$ABEiM0RVZneImaq7zN3u/w$t7v2AcfHjBAP8Ih0VHnslsIWnJ3XIWJUOdmxG67D+lg",
    "00112233445566778899aabbccddeeff:58407e4ef23484decff920bc941f78b5fab5d48cee5ce3ccfadcf541eacf\
     c50d685a2da090eb2fd0fac0c43478aaf7125b2c74deb0aa29a3914b8215ff8dd733",
    "scrypt:1024:8:1$seasalt2$ce9f8c3ee5296f5d0c356196dce1ea0431e2de0f63655733b18423f7f60430f66838\
     3003e2ae6ec9b349d448e10fab1a50a691a8d2560132af02fefdea00ab6d",
    "scrypt$seasalt2$1024$8$1$zp+MPuUpb10MNWGW3OHqBDHi3g9jZVczsYQj9/YEMPZoODAD4q5uybNJ1EjhD6saUKaR\
     qNJWATKvAv796gCrbQ==",
    "$pbkdf2-sha256$i=1000,l=32$ABEiM0RVZneImaq7zN3u/w$xXKkJc8T3Qlk/yLRUGuBOyJBPYF7Yb17b8pEYTzi6Ko",
    "$pbkdf2-sha512$i=1000,l=64$ABEiM0RVZneImaq7zN3u/w$WKW7g9HY0l8WhL3qwiYnOM/jRnU/PKGjYV+Xt+KdpZ6\
     BImT/QhtOpYUzMVj3fBO5C9/i9Xdsxg6mhrZKszNleg",
    "$pbkdf2-sha512$i=10000,l=20$ABEiM0RVZneImaq7zN3u/w$Hv/5qtrdVMh4LIbyNpKj7JTHErg",
    "$pbkdf2-sha256$i=1000,l=64$ABEiM0RVZneImaq7zN3u/w$xXKkJc8T3Qlk/yLRUGuBOyJBPYF7Yb17b8pEYTzi6Kq\
     qp5wffwqnRQ9WlXuyMgWVylRfPwNUNmbMGqezrYfbww",
    "$pbkdf2-sha512$1000$ABEiM0RVZneImaq7zN3u/w$WKW7g9HY0l8WhL3qwiYnOM/jRnU/PKGjYV.Xt.KdpZ6BImT/Qh\
     tOpYUzMVj3fBO5C9/i9Xdsxg6mhrZKszNleg",
    "$pbkdf2$1000$ABEiM0RVZneImaq7zN3u/w$5Tc10pNF98AgJQDnZxlFEpsp1mQ",
    "pbkdf2_sha256$1000$seasalt2$t4pySzJm32K9d0TZkbGrqDbOnLNKimdEfBxWd/cSJNE=",
    "pbkdf2_sha1$1000$seasalt2$DeGDyyavhJy9K55UDNV/v23LV4o=",
    "pbkdf2:sha256:1000$seasalt2$b78a724b3266df62bd7744d991b1aba836ce9cb34a8a67447c1c5677f71224d1",
];

#[tokio::test]
async fn every_accepted_form_is_verified_and_upgraded() {
    case(async |app| {
        let (ada, _) = with_password(app).await;
        for stored in HASHES {
            app.sql("UPDATE passwords SET hash = ?1", &[json!(stored)])
                .await;
            assert_eq!(
                sign_in(app, &ada.email, "zebra-78-crossing").await.status(),
                401,
                "{stored}"
            );
            assert_eq!(
                sign_in(app, &ada.email, PASSWORD).await.status(),
                200,
                "{stored}"
            );
            let kept = app.sql("SELECT hash FROM passwords", &[]).await;
            let hash = kept[0]["hash"].as_str().expect("a hash");
            assert!(
                hash.starts_with("$argon2id$v=19$m=256,t=1,p=1$"),
                "{stored}"
            );
            sign_in(app, &ada.email, PASSWORD).await.ok();
        }
    })
    .await;
}

/// The sample of Firebase's documentation (github.com/firebase/scrypt, README.md): the account
/// `user1@test.com`, with its parameters of the console in the stored form.
#[tokio::test]
async fn the_published_sample_of_firebase_is_verified() {
    case(async |app| {
        let (ada, _) = with_password(app).await;
        // The salt `42xEC+ixf3L2lw==` with the separator `Bw==` behind it.
        let stored = "$firebase-scrypt$ln=14,r=8$42xEC+ixf3L2lwc$jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0\
                      uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA$lSrfV15cpx95/sZS2W9c9K\
                      p6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ";
        app.sql("UPDATE passwords SET hash = ?1", &[json!(stored)])
            .await;
        assert_eq!(
            sign_in(app, &ada.email, "user2password").await.status(),
            401
        );
        for _ in 0..2 {
            sign_in(app, &ada.email, "user1password").await.ok();
        }
    })
    .await;
}

/// better-auth hashes the password in NFKC. The hash was made as those above, of
/// `"café-ｚebra-77".normalize("NFKC")`.
#[tokio::test]
async fn better_auth_hashes_the_compatible_form() {
    case(async |app| {
        let (ada, _) = with_password(app).await;
        let stored = "00112233445566778899aabbccddeeff:6c0a2bccf7ccb3ec216aebf7677f863c0cb292257e0\
                      2ee0161fb69d22d0fc98d83e7078db55646d0dea37b576cc8f3c495a67661be87284ecb504a6\
                      34eec7555";
        app.sql("UPDATE passwords SET hash = ?1", &[json!(stored)])
            .await;
        let typed = "caf\u{e9}-\u{ff5a}ebra-77";
        for _ in 0..2 {
            sign_in(app, &ada.email, typed).await.ok();
        }
    })
    .await;
}
