//! CBOR (RFC 8949) in the form that authenticators must write (CTAP 2.2 §8, as WebAuthn Level 3
//! §2.1 demands) and that Apple writes.
//!
//! minicbor decodes. On top of it stand the rules of that form: definite lengths, each number in
//! the shortest way, no tags, no floats. The reader neither allocates nor recurses deeper than
//! [`DEEPEST`].

use minicbor::Decoder;
use minicbor::data::Type;
use minicbor::decode::Error;

const ENDS: &str = "the CBOR ends too early";
const OTHER_TYPE: &str = "a CBOR item is of another type";
const INDEFINITE: &str = "an indefinite length in the CBOR";
/// The deepest nesting of an item that [`CborReader::skip`] accepts.
const DEEPEST: u8 = 4;

/// A reader of one CBOR item after the other.
pub(crate) struct CborReader<'a> {
    decoder: Decoder<'a>,
}

impl<'a> CborReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            decoder: Decoder::new(bytes),
        }
    }

    /// Returns the bytes that have not been read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.decoder
            .input()
            .get(self.decoder.position()..)
            .unwrap_or_default()
    }

    /// Returns the type of the next item.
    fn next_type(&self) -> Result<Type, &'static str> {
        match self.decoder.datatype().map_err(|error| reason(&error))? {
            Type::ArrayIndef | Type::BytesIndef | Type::MapIndef | Type::StringIndef => {
                Err(INDEFINITE)
            }
            Type::Unknown(_) => Err("a reserved length in the CBOR"),
            found => Ok(found),
        }
    }

    /// Reads an item with `read`. `argument` returns the number in the item's head, and the length
    /// of the content that `read` took.
    fn canonical<T>(
        &mut self,
        read: impl FnOnce(&mut Decoder<'a>) -> Result<T, Error>,
        argument: impl FnOnce(&T) -> (u64, usize),
    ) -> Result<T, &'static str> {
        self.next_type()?;
        let start = self.decoder.position();
        let value = read(&mut self.decoder).map_err(|error| reason(&error))?;
        let (argument, content) = argument(&value);
        let shortest = match argument {
            0..=23 => 1,
            24..=0xFF => 2,
            0x100..=0xFFFF => 3,
            0x1_0000..=0xFFFF_FFFF => 5,
            _ => 9,
        };
        let is_shortest = self.decoder.position() - start == shortest + content;
        if is_shortest {
            Ok(value)
        } else {
            Err("a CBOR length or number is not written in the shortest way")
        }
    }

    /// Reads the head of a map. Returns the number of its members, which follow.
    pub(crate) fn map(&mut self) -> Result<u64, &'static str> {
        let count = self.canonical(Decoder::map, |count| (count.unwrap_or_default(), 0))?;
        count.ok_or(INDEFINITE)
    }

    /// Reads the head of a list. Returns the number of its items, which follow.
    pub(crate) fn array(&mut self) -> Result<u64, &'static str> {
        let count = self.canonical(Decoder::array, |count| (count.unwrap_or_default(), 0))?;
        count.ok_or(INDEFINITE)
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], &'static str> {
        self.canonical(Decoder::bytes, |bytes| (bytes.len() as u64, bytes.len()))
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, &'static str> {
        self.canonical(Decoder::str, |text| (text.len() as u64, text.len()))
    }

    fn integer(&mut self) -> Result<i128, &'static str> {
        // A negative number n is written as -1 - n, which is its complement.
        let argument = |number: &i128| {
            (
                u64::try_from(if *number < 0 { !*number } else { *number }).unwrap_or(u64::MAX),
                0,
            )
        };
        self.canonical(|decoder| decoder.int().map(i128::from), argument)
    }

    /// Reads an integer from zero, or else bytes.
    pub(crate) fn unsigned_or_bytes(&mut self) -> Result<Result<u64, &'a [u8]>, &'static str> {
        if self.is_bytes() {
            self.bytes().map(Err)
        } else {
            u64::try_from(self.integer()?)
                .map(Ok)
                .map_err(|_| OTHER_TYPE)
        }
    }

    /// Returns true if a map comes next.
    pub(crate) fn is_map(&self) -> bool {
        self.next_type() == Ok(Type::Map)
    }

    /// Returns true if bytes come next.
    fn is_bytes(&self) -> bool {
        self.next_type() == Ok(Type::Bytes)
    }

    /// Returns true if a list comes next.
    pub(crate) fn is_array(&self) -> bool {
        self.next_type() == Ok(Type::Array)
    }

    /// Skips the next item of any type.
    pub(crate) fn skip(&mut self) -> Result<(), &'static str> {
        self.skip_within(DEEPEST)
    }

    /// Returns the bytes of the next item of any type.
    pub(crate) fn item(&mut self) -> Result<&'a [u8], &'static str> {
        let all = self.rest();
        self.skip()?;
        all.get(..all.len() - self.rest().len()).ok_or(ENDS)
    }

    fn skip_within(&mut self, depth: u8) -> Result<(), &'static str> {
        let items = match self.next_type()? {
            Type::Bytes => self.bytes().map(|_| 0)?,
            Type::String => self.text().map(|_| 0)?,
            Type::Array => self.array()?,
            Type::Map => self.map()?.checked_mul(2).ok_or(ENDS)?,
            Type::Bool => self
                .decoder
                .bool()
                .map(|_| 0)
                .map_err(|error| reason(&error))?,
            Type::Null => self
                .decoder
                .null()
                .map(|()| 0)
                .map_err(|error| reason(&error))?,
            // An integer, or a type that authenticators have no use for.
            _ => self.integer().map(|_| 0)?,
        };
        // Each item takes at least a byte, so the loop ends with the bytes.
        for _ in 0..items {
            self.skip_within(depth.checked_sub(1).ok_or("the CBOR is nested too deep")?)?;
        }
        Ok(())
    }

    /// Checks that nothing follows.
    pub(crate) fn end(&self) -> Result<(), &'static str> {
        if self.rest().is_empty() {
            Ok(())
        } else {
            Err("something follows the CBOR")
        }
    }
}

fn reason(error: &Error) -> &'static str {
    if error.is_end_of_input() {
        ENDS
    } else if error.is_type_mismatch() {
        OTHER_TYPE
    } else {
        "the CBOR is malformed, or a text in it is not UTF-8"
    }
}

/// Stores a member, unless the map had it before.
pub(crate) fn once<T>(place: &mut Option<T>, member: T) -> Result<(), &'static str> {
    if place.replace(member).is_some() {
        Err("a member is given twice in the CBOR")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_form_of_authenticators_is_read() {
        let mut reader = CborReader::new(b"\xA2\x01\x38\x22\x61a\x43abc\xF6");
        assert_eq!(reader.map(), Ok(2));
        assert_eq!((reader.integer(), reader.integer()), (Ok(1), Ok(-35)));
        assert_eq!(
            (reader.text(), reader.is_bytes(), reader.bytes()),
            (Ok("a"), true, Ok(&b"abc"[..]))
        );
        assert_eq!(
            (reader.end(), reader.skip(), reader.end()),
            (Err("something follows the CBOR"), Ok(()), Ok(()))
        );
        assert_eq!(
            CborReader::new(b"\x1B\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF").unsigned_or_bytes(),
            Ok(Ok(u64::MAX))
        );
        assert_eq!(
            CborReader::new(b"\x3B\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF").skip(),
            Ok(())
        );
    }

    #[test]
    fn every_other_form_is_refused() {
        for (bytes, expected) in [
            // Numbers and lengths that would fit into fewer bytes.
            (&b"\x18\x17"[..], "shortest"),
            (b"\x19\x00\xFF", "shortest"),
            (b"\x1A\x00\x00\xFF\xFF", "shortest"),
            (b"\x1B\x00\x00\x00\x00\xFF\xFF\xFF\xFF", "shortest"),
            (b"\x38\x17", "shortest"),
            (b"\x58\x01a", "shortest"),
            (b"\x78\x01a", "shortest"),
            (b"\x98\x00", "shortest"),
            (b"\xB8\x00", "shortest"),
            // Indefinite lengths.
            (b"\x5F\x41a\xFF", "indefinite"),
            (b"\x7F\x61a\xFF", "indefinite"),
            (b"\x9F\xFF", "indefinite"),
            (b"\xBF\xFF", "indefinite"),
            // A tag, floats, undefined, simple values, a break, reserved lengths.
            (b"\xC0\x00", "another type"),
            (b"\xF9\x00\x00", "another type"),
            (b"\xFA\x00\x00\x00\x00", "another type"),
            (b"\xF7", "another type"),
            (b"\xE0", "another type"),
            (b"\xF8\x14", "another type"),
            (b"\xFF", "another type"),
            (b"\x1C", "reserved"),
            (b"\x5C", "reserved"),
            // Truncated items, nesting too deep, invalid UTF-8.
            (b"", "too early"),
            (b"\x19\x01", "too early"),
            (b"\x43ab", "too early"),
            (b"\x5B\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", ""),
            (b"\x82\x00", "too early"),
            (b"\xBB\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", "too early"),
            (b"\x81\x81\x81\x81\x81\x00", "too deep"),
            (b"\x61\xFF", "UTF-8"),
        ] {
            let refused = CborReader::new(bytes).skip().expect_err("another form");
            assert!(refused.contains(expected), "{bytes:02x?}: {refused}");
        }
    }

    proptest! {
        #[test]
        fn an_item_is_a_part_of_the_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(item) = CborReader::new(&bytes).item() {
                prop_assert!(bytes.starts_with(item));
                prop_assert_eq!(CborReader::new(item).item(), Ok(item));
            }
        }
    }
}
