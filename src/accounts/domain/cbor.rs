//! CBOR (RFC 8949) in the form that authenticators must write (CTAP 2.2 §8, which WebAuthn Level 3 §2.1 asks of whoever encodes, and asks
//! decoders to insist on) and that Apple writes: definite lengths, each written in the shortest way, no tags, no floats.
//!
//! Reads in place: it neither allocates nor recurses deeper than [`DEEPEST`].

const ENDS: &str = "the CBOR ends too early";
const OTHER_TYPE: &str = "a CBOR item is of another type";
/// How deep the items nest that are passed over.
const DEEPEST: u8 = 4;

const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const SIMPLE: u8 = 7;

/// Reads one item after the other.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What was not read yet.
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The type of the next item.
    fn peek(&self) -> Result<u8, &'static str> {
        self.rest.first().map(|first| first >> 5).ok_or(ENDS)
    }

    fn take(&mut self, count: u64) -> Result<&'a [u8], &'static str> {
        let (taken, rest) = usize::try_from(count)
            .ok()
            .and_then(|count| self.rest.split_at_checked(count))
            .ok_or(ENDS)?;
        self.rest = rest;
        Ok(taken)
    }

    /// An argument that takes `count` bytes, and would not fit into fewer.
    fn argument(&mut self, count: u64, least: u64) -> Result<u64, &'static str> {
        let value = self
            .take(count)?
            .iter()
            .fold(0, |value, byte| value << 8 | u64::from(*byte));
        if value < least {
            Err("a CBOR length or number is not written in the shortest way")
        } else {
            Ok(value)
        }
    }

    /// Type and argument of the next item.
    fn head(&mut self) -> Result<(u8, u64), &'static str> {
        let first = self.take(1)?.first().copied().ok_or(ENDS)?;
        let argument = match first & 0x1F {
            small @ 0..=23 => u64::from(small),
            // Simple values and floats: none that has an argument is ever needed.
            24..=27 if first >> 5 == SIMPLE => return Err(OTHER_TYPE),
            24 => self.argument(1, 24)?,
            25 => self.argument(2, 1 << 8)?,
            26 => self.argument(4, 1 << 16)?,
            27 => self.argument(8, 1 << 32)?,
            31 => return Err("an indefinite length in the CBOR"),
            _ => return Err("a reserved length in the CBOR"),
        };
        Ok((first >> 5, argument))
    }

    fn of_type(&mut self, wanted: u8) -> Result<u64, &'static str> {
        let (found, argument) = self.head()?;
        if found == wanted {
            Ok(argument)
        } else {
            Err(OTHER_TYPE)
        }
    }

    /// The number of a map's members, which follow.
    pub(crate) fn map(&mut self) -> Result<u64, &'static str> {
        self.of_type(MAP)
    }

    /// The number of a list's items, which follow.
    pub(crate) fn array(&mut self) -> Result<u64, &'static str> {
        self.of_type(ARRAY)
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], &'static str> {
        let length = self.of_type(BYTES)?;
        self.take(length)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, &'static str> {
        let length = self.of_type(TEXT)?;
        std::str::from_utf8(self.take(length)?).map_err(|_| "a text in the CBOR is not UTF-8")
    }

    /// An integer from zero, or else bytes.
    pub(crate) fn unsigned_or_bytes(&mut self) -> Result<Result<u64, &'a [u8]>, &'static str> {
        if self.peek()? == UNSIGNED {
            self.of_type(UNSIGNED).map(Ok)
        } else {
            self.bytes().map(Err)
        }
    }

    /// An integer of COSE's, whose numbers are small.
    pub(crate) fn integer(&mut self) -> Result<i64, &'static str> {
        let (found, argument) = self.head()?;
        let number = i64::try_from(argument).map_err(|_| "a CBOR number is too large")?;
        match found {
            UNSIGNED => Ok(number),
            NEGATIVE => Ok(-1 - number),
            _ => Err(OTHER_TYPE),
        }
    }

    /// Whether a map comes next.
    pub(crate) fn is_map(&self) -> bool {
        self.peek() == Ok(MAP)
    }

    /// Whether bytes come next.
    pub(crate) fn is_bytes(&self) -> bool {
        self.peek() == Ok(BYTES)
    }

    /// Whether a list comes next.
    pub(crate) fn is_array(&self) -> bool {
        self.peek() == Ok(ARRAY)
    }

    /// Passes over an item, whatever it is.
    pub(crate) fn skip(&mut self) -> Result<(), &'static str> {
        self.skip_within(DEEPEST)
    }

    /// The next item's bytes, whatever it is.
    pub(crate) fn item(&mut self) -> Result<&'a [u8], &'static str> {
        let all = self.rest;
        self.skip()?;
        all.get(..all.len() - self.rest.len()).ok_or(ENDS)
    }

    fn skip_within(&mut self, depth: u8) -> Result<(), &'static str> {
        let (kind, argument) = self.head()?;
        let items = match kind {
            UNSIGNED | NEGATIVE => 0,
            BYTES => self.take(argument).map(|_| 0)?,
            TEXT => std::str::from_utf8(self.take(argument)?)
                .map(|_| 0)
                .map_err(|_| "a text in the CBOR is not UTF-8")?,
            ARRAY => argument,
            MAP => argument.checked_mul(2).ok_or(ENDS)?,
            // false, true, null.
            SIMPLE if (20..=22).contains(&argument) => 0,
            _ => return Err(OTHER_TYPE),
        };
        // Each item takes a byte at least, so that this ends with the bytes.
        for _ in 0..items {
            self.skip_within(depth.checked_sub(1).ok_or("the CBOR is nested too deep")?)?;
        }
        Ok(())
    }

    /// That nothing follows.
    pub(crate) const fn end(&self) -> Result<(), &'static str> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err("something follows the CBOR")
        }
    }
}

/// Puts a member in its place, unless it is taken.
pub(crate) fn once<T>(place: &mut Option<T>, member: T) -> Result<(), &'static str> {
    if place.replace(member).is_some() {
        Err("a member is given twice in the CBOR")
    } else {
        Ok(())
    }
}
