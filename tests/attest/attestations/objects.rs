//! Broken objects: CBOR that is not an attestation.

use super::{Broken, FMT};
use crate::apple::{head, text};

pub const OBJECTS: [Broken; 19] = [
    ("another format", 0, "of another format", |c| {
        c.attestation.format = "packed".into();
    }),
    ("an empty format", 0, "of another format", |c| {
        c.attestation.format.clear();
    }),
    ("nothing", 0, "ends too early", |c| c.edit = |_| Vec::new()),
    ("half of it", 0, "ends too early", |c| {
        c.edit = |object| object[..object.len() / 2].to_vec();
    }),
    ("all but a byte", 0, "ends too early", |c| {
        c.edit = |object| object[..object.len() - 1].to_vec();
    }),
    ("something after it", 0, "something follows the CBOR", |c| {
        c.edit = |object| [object, vec![0]].concat();
    }),
    (
        "a map of indefinite length",
        0,
        "an indefinite length",
        |c| {
            c.edit = |object| [&[0xBF], &object[1..], &[0xFF]].concat();
        },
    ),
    (
        "a text of indefinite length",
        0,
        "an indefinite length",
        |c| {
            c.edit = |object| {
                [
                    &object[..5],
                    &[0x7F],
                    &object[5..=FMT],
                    &[0xFF],
                    &object[FMT + 1..],
                ]
                .concat()
            };
        },
    ),
    (
        "a length that is not the shortest",
        0,
        "not written in the shortest way",
        |c| {
            c.edit = |object| [&[0xB8, 3], &object[1..]].concat();
        },
    ),
    ("a reserved length", 0, "a reserved length", |c| {
        c.edit = |object| [&[0xBC], &object[1..]].concat();
    }),
    ("fmt twice", 0, "given twice", |c| {
        c.edit = |object| [&[0xA4], &object[1..=FMT], &object[1..]].concat();
    }),
    ("an unknown member", 0, "an unknown member", |c| {
        c.edit = |object| [&[0xA4], &object[1..], &text("more"), &[0]].concat();
    }),
    ("no fmt", 0, "lacks fmt", |c| {
        c.edit = |object| [&[0xA2], &object[1 + FMT..]].concat();
    }),
    ("a list", 0, "of another type", |c| {
        c.edit = |object| [&[0x83], &object[1..]].concat();
    }),
    ("a tag around it", 0, "of another type", |c| {
        c.edit = |object| [vec![0xC1], object].concat();
    }),
    ("10,000 lists in each other", 0, "of another type", |c| {
        c.edit = |_| vec![0x81; 10_000];
    }),
    ("a map that claims 2^64 members", 0, "ends too early", |c| {
        c.edit = |_| [0xBB].into_iter().chain([0xFF; 8]).collect();
    }),
    ("a text that claims 2^64 bytes", 0, "ends too early", |c| {
        c.edit = |_| [0xA1, 0x7B].into_iter().chain([0xFF; 8]).collect();
    }),
    ("a megabyte", 0, "too long", |c| {
        c.edit = |object| [object, head(2, 1 << 20), vec![0; 1 << 20]].concat();
    }),
];
