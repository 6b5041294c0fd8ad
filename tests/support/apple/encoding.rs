//! CBOR and DER, written and read by hand, so that a test can break them.

/// Returns a point as a COSE key.
pub fn cose(point: &[u8]) -> Vec<u8> {
    [
        &[0xA5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 0x20],
        &point[1..33],
        &[0x22, 0x58, 0x20],
        &point[33..65],
    ]
    .concat()
}

/// Returns the head of a CBOR item.
pub fn head(kind: u8, argument: usize) -> Vec<u8> {
    let argument = u32::try_from(argument).expect("a short item").to_be_bytes();
    match argument {
        [0, 0, 0, small @ 0..=23] => vec![kind << 5 | small],
        [0, 0, 0, byte] => vec![kind << 5 | 0x18, byte],
        [0, 0, high, low] => vec![kind << 5 | 0x19, high, low],
        [a, b, c, d] => vec![kind << 5 | 0x1A, a, b, c, d],
    }
}

pub fn text(text: &str) -> Vec<u8> {
    [head(3, text.len()), text.as_bytes().to_vec()].concat()
}

pub fn bytes(bytes: &[u8]) -> Vec<u8> {
    [head(2, bytes.len()), bytes.to_vec()].concat()
}

pub fn map(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    members
        .iter()
        .fold(head(5, members.len()), |map, (name, value)| {
            [map, text(name), value.clone()].concat()
        })
}

/// Returns a DER element.
pub fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len())
        .expect("a short element")
        .to_be_bytes();
    let length = match (high, low) {
        (0, ..=0x7F) => vec![low],
        (0, _) => vec![0x81, low],
        _ => vec![0x82, high, low],
    };
    [&[tag], length.as_slice(), content].concat()
}

/// Returns the positions at which the content of an element begins and ends.
fn bounds(der: &[u8]) -> (usize, usize) {
    let (start, length) = match der[1] {
        0x81 => (3, usize::from(der[2])),
        0x82 => (4, usize::from(der[2]) << 8 | usize::from(der[3])),
        short => (2, usize::from(short)),
    };
    (start, start + length)
}

pub fn content(der: &[u8]) -> &[u8] {
    let (start, end) = bounds(der);
    &der[start..end]
}

/// Returns the first element.
pub fn tlv(der: &[u8]) -> &[u8] {
    &der[..bounds(der).1]
}
