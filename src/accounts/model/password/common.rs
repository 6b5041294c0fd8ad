//! Passwords that attackers try first: a short list, runs of one kind, and names of the user. A
//! service with lists of leaked passwords can be queried in addition.

use crate::kernel::model::normal_form;

/// In lower case, letters and digits only, and without digits at the end, because attackers try all
/// endings.
const TRIED_FIRST: [&str; 72] = [
    "password",
    "passw0rd",
    "p4ssword",
    "p4ssw0rd",
    "passwort",
    "motdepasse",
    "contrasena",
    "parola",
    "senha",
    "wachtwoord",
    "qwerty",
    "qwertyui",
    "qwertyuiop",
    "qwertz",
    "qwertzui",
    "azerty",
    "azertyuiop",
    "asdfghjk",
    "asdfghjkl",
    "zxcvbnm",
    "qazwsx",
    "qazwsxedc",
    "iloveyou",
    "letmein",
    "letmeinnow",
    "welcome",
    "welcometo",
    "admin",
    "adminadmin",
    "administrator",
    "root",
    "rootroot",
    "superuser",
    "changeme",
    "changeit",
    "secret",
    "topsecret",
    "default",
    "testtest",
    "testing",
    "guest",
    "user",
    "useruser",
    "login",
    "master",
    "access",
    "monkey",
    "dragon",
    "football",
    "baseball",
    "basketball",
    "superman",
    "batman",
    "starwars",
    "pokemon",
    "sunshine",
    "princess",
    "shadow",
    "michael",
    "jennifer",
    "jordan",
    "liverpool",
    "chelsea",
    "arsenal",
    "trustno",
    "whatever",
    "computer",
    "internet",
    "samsung",
    "google",
    "facebook",
    "abcabc",
];

/// The smallest number of characters of a name that counts. Every third password contains an "al".
const SHORTEST_PART: usize = 4;

/// Returns true if an attacker would soon guess the password.
///
/// A word of `about` is compared without signs and marks: in whole, up to the `@` of an address,
/// and, if it has as many characters as [`SHORTEST_PART`], without the digits around it.
pub(super) fn is_common(password: &str, about: &[&str]) -> bool {
    let folded = normal_form::folded(password);
    if is_run(&folded) {
        return true;
    }
    let bare = bare(&folded);
    // Digits and signs around a name or a word add almost no entropy.
    let word = without_digits(&bare);
    let typed = letters(&folded);
    let typed_word = without_digits(&typed);
    let named = about.iter().any(|name| {
        let name = normal_form::folded(name);
        let parts = [name.as_str(), name.split('@').next().unwrap_or_default()];
        folded == name
            || parts.iter().any(|part| {
                let part = letters(part);
                let name_word = without_digits(&part);
                (!part.is_empty() && typed == part)
                    || (name_word.chars().count() >= SHORTEST_PART && typed_word == name_word)
            })
    });
    named || TRIED_FIRST.contains(&bare.as_str()) || TRIED_FIRST.contains(&word) || is_run(&bare)
}

fn without_digits(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_ascii_digit())
}

/// Returns the letters and digits of a text without their marks, so `é` is `e`. A mark is no letter
/// once it is a separate character.
fn letters(text: &str) -> String {
    normal_form::nfc(&bare(&normal_form::nfd(text)))
}

fn bare(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// Returns true if each character follows the previous one by the same step: `aaaaaaaa`,
/// `12345678`, `hgfedcba`.
fn is_run(text: &str) -> bool {
    let codes: Vec<i64> = text.chars().map(|c| i64::from(u32::from(c))).collect();
    let mut steps = codes.windows(2).map(|pair| match pair {
        [one, next] => next - one,
        _ => 0,
    });
    let Some(first) = steps.next() else {
        return false;
    };
    (-1..=1).contains(&first) && steps.all(|step| step == first || (first == 1 && step == -9))
}
