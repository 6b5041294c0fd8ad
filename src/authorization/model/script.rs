//! Names without look-alikes (Unicode Technical Standard 39).
//!
//! A name is in the normal form NFKC, so no character has a double of another width or form. Its
//! letters are of one recommended script, so no Cyrillic letter replaces a Latin one. Latin and the
//! scripts of East Asia may be mixed ("Highly Restrictive", UTS 39 §5.2). Not all of its letters
//! look Latin, so a Cyrillic name never replaces a Latin one ("whole-script confusable", §4).
//! Signs are those of ASCII and a few others, because dashes, dots and quotes look alike.

use crate::kernel::model::category::Category;
use crate::kernel::model::normal_form;

/// Letters of other scripts that look like Latin letters or digits, without marks.
const LOOK_LATIN: &str = "\
    АВЕКМНОРСТУХЬЅІЈӀҮҺӔӘԌԚԜѴѸаеорсухгшѕіјһҽӏүӕәӡѡѵѹԁԛԝ\
    ΑΒΕΖΗΙΚΜΝΟΡΤΥΧαγηικνορςστυωϲϳ\
    ՍՏՕագզզհնյոռսցւքօղ\
    וןטס\
    اهھہە\
    ყჿ\
    ሀዐ\
    ငဝ\
    ഠട\
    ଠ\
    丅丫〇";

/// The script of a character.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Script {
    /// A digit or a sign, which several scripts use.
    Common,
    Latin,
    EastAsian,
    /// Another script, by the first character of its block.
    Other(u32),
    /// A character that names do not need: of a script out of use (Unicode Standard Annex 31, table
    /// 5), phonetic, or a sign that looks like another one.
    Restricted,
}

impl Script {
    fn of(c: char) -> Self {
        match u32::from(c) {
            0x00D7 | 0x00F7 | 0x01C0..=0x01C3 | 0x03E2..=0x03EF => Self::Restricted,
            0x0041..=0x005A | 0x0061..=0x007A | 0x00C0..=0x024F | 0x1E00..=0x1EFF => Self::Latin,
            0x0000..=0x007F
            | 0x00A1
            | 0x00A3
            | 0x00A7
            | 0x00A9
            | 0x00AB
            | 0x00AE
            | 0x00B0
            | 0x00BB
            | 0x00BF
            | 0x20AC
            | 0x2600..=0x26FF
            | 0x3001..=0x3003
            | 0x3008..=0x3011
            | 0x1F300..=0x1FAFF => Self::Common,
            0x0370..=0x03FF | 0x1F00..=0x1FFF => Self::Other(0x0370),
            0x0400..=0x052F => Self::Other(0x0400),
            0x0530..=0x058F => Self::Other(0x0530),
            0x0590..=0x05FF => Self::Other(0x0590),
            0x0600..=0x06FF | 0x0750..=0x077F | 0x08A0..=0x08FF => Self::Other(0x0600),
            // Thaana, the scripts of India, Thai and Lao.
            code @ (0x0780..=0x07BF | 0x0900..=0x0EFF) => Self::Other(code & !0x7F),
            0x0F00..=0x0FFF => Self::Other(0x0F00),
            0x1000..=0x109F => Self::Other(0x1000),
            0x10A0..=0x10FF | 0x1C90..=0x1CBF => Self::Other(0x10A0),
            0x1200..=0x139F | 0x2D80..=0x2DDF | 0xAB00..=0xAB2F => Self::Other(0x1200),
            0x1780..=0x17FF => Self::Other(0x1780),
            0x3005..=0x3007
            | 0x3041..=0x30FF
            | 0x3105..=0x312F
            | 0x31A0..=0x31BF
            | 0x3400..=0x9FFF
            | 0xAC00..=0xD7A3
            | 0x20000..=0x3FFFF => Self::EastAsian,
            _ => Self::Restricted,
        }
    }
}

/// Returns true if the text has the form of a name without look-alikes.
pub(super) fn is_plain(text: &str) -> bool {
    if text.contains("  ") {
        return false;
    }
    text.is_ascii()
        || (is_of_one_script(text)
            && has_one_kind_of_digits(text)
            && has_plain_marks(text)
            && !looks_latin(text)
            && normal_form::nfkc(text) == text)
}

/// Returns true if the letters of the text are of one script, or of Latin and East Asian ones.
fn is_of_one_script(text: &str) -> bool {
    let mut first = None;
    text.chars().map(Script::of).all(|script| match script {
        Script::Common => true,
        Script::Restricted => false,
        Script::Latin | Script::EastAsian | Script::Other(_) => {
            let mixes = |a, b| a == Script::Latin && b == Script::EastAsian;
            let known = *first.get_or_insert(script);
            known == script || mixes(known, script) || mixes(script, known)
        }
    })
}

/// Returns true if each mark follows a letter, no mark follows itself, and no character is hidden.
/// A mark that NFKC leaves on a Latin letter, as a struck-out one has, is of no script.
fn has_plain_marks(text: &str) -> bool {
    let mut before = None;
    text.chars().all(|c| {
        let previous = before.replace(c);
        match Category::of(c) {
            Category::Other => true,
            Category::Hidden => false,
            Category::Mark => previous.is_some_and(|previous| {
                previous != c
                    && (previous.is_alphabetic() || Category::of(previous) == Category::Mark)
            }),
        }
    })
}

/// Returns true if the text has letters, and each of them is of another script and looks Latin.
fn looks_latin(text: &str) -> bool {
    let bases = normal_form::nfd(text);
    let mut letters = bases.chars().filter(|c| c.is_alphabetic()).peekable();
    letters.peek().is_some() && letters.all(|c| LOOK_LATIN.contains(c))
}

/// Returns true if all digits of the text are of one script. Each script's digits are together in
/// one block of 16 characters.
fn has_one_kind_of_digits(text: &str) -> bool {
    let mut kinds = text
        .chars()
        .filter(|c| c.is_numeric())
        .map(|c| u32::from(c) & !0xF);
    let first = kinds.next();
    kinds.all(|kind| Some(kind) == first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_alikes_are_refused() {
        for text in [
            "ａｕｔｈ",
            "аuth",
            "auth․administer",
            "Αdmin",
            "ɑuth",
            "ﬁle",
            "cafe\u{301}",
            "orders\u{FE00}",
            "orders\u{FE0F}",
            "orders\u{180F}",
            "orders\u{206A}",
            "orders\u{E0100}",
            "orders\u{E0FFF}",
            "orders\u{1D173}",
            "orders\u{FFFC}",
            "orders\u{20DD}",
            "12\u{663}",
            "ѕсоре",
            "Ορο",
            "orders\u{378}",
            "a\u{1AB0}b",
            "a × b",
        ] {
            assert!(!is_plain(text), "{text}");
        }
        for text in [
            "Café no. 7",
            "Склад 3",
            "倉庫 A",
            "창고",
            "انبار",
            "गोदाम",
            "read:all 🦊",
        ] {
            assert!(is_plain(text), "{text}");
        }
    }
}
