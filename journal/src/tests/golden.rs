//! The bytes of the format, fixed; computed by a second implementation. A change here is a new format
//! version.

use zerocopy::{FromZeros, IntoBytes};

use crate::Ids;
use crate::format::{
    ENDIAN_MARK, FrameBody, HEADER_ACTIVE, HEADER_COPY_BYTES, HEADER_SEALED, MAGIC, SegmentHeader, VERSION,
    commit_word, frame_bytes, stream_field,
};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn header() -> SegmentHeader {
    let mut header = SegmentHeader::new_zeroed();
    header.magic = MAGIC;
    header.version = VERSION;
    header.header_bytes = HEADER_COPY_BYTES as u16;
    header.endian_mark = ENDIAN_MARK;
    header.journal_uuid = *b"0123456789abcdef";
    header.segment_index = 3;
    header.first_seq = 1_001;
    header.first_ts_ns = 1_700_000_000_000_000_000;
    header.epoch = 1;
    header.salt = 0xdead_beef;
    header.flags = HEADER_ACTIVE | HEADER_SEALED;
    header.ids =
        Ids { build: [1; 16], schema: [2; 16], config: [3; 16], symbols: [4; 16], calendar: [5; 16] };
    header.generation = 4;
    header.segment_bytes = 64 << 20;
    header.sealed_bytes = 8_192;
    header.frame_count = 17;
    header.last_seq = 1_017;
    header.last_ts_ns = 1_700_000_000_000_000_016;
    header.stream = stream_field("inputs").unwrap();
    header.sign();
    header
}

#[test]
fn the_segment_header_has_these_bytes() {
    let header = header();
    let bytes = header.as_bytes();
    assert_eq!(
        hex(&bytes[..64]),
        concat!(
            "4c584a3102000008080706050403020130313233343536373839616263646566",
            "0300000000000000e90300000000000000002a36fe9c97170100000000000000"
        )
    );
    assert_eq!(
        hex(&bytes[64..120]),
        concat!(
            "efbeadde00000000030000000000000000000000000000000000000000000000",
            "000000000000000000000000000000000000000000000000"
        )
    );
    let ids: Vec<u8> = (1..=5).flat_map(|id| [id; 16]).collect();
    assert_eq!(bytes[120..200], ids);
    assert_eq!(bytes[200..328], [0; 128]);
    assert_eq!(
        hex(&bytes[328..408]),
        concat!(
            "0400000000000000000000040000000000200000000000001100000000000000",
            "f90300000000000010002a36fe9c9717696e7075747300000000000000000000",
            "00000000000000000000000000000000"
        )
    );
    assert_eq!(bytes[408..2044], [0; 1636]);
    assert_eq!(hex(&bytes[2044..]), "161dde5f");
}

#[test]
fn a_frame_has_these_bytes() {
    let payload = *b"hello journal";
    let payload_bytes = payload.len() as u32;
    let body = FrameBody { seq: 7, ts_ns: 9, kind: 0x0102, schema_version: 3, flags: 4, payload_bytes };
    let mut after_commit = body.as_bytes().to_vec();
    after_commit.extend(payload);
    after_commit.resize(frame_bytes(payload.len()) - 8, 0);
    let mut frame = commit_word(0xdead_beef, 4_096, &after_commit).to_le_bytes().to_vec();
    frame.extend(after_commit);
    assert_eq!(
        hex(&frame),
        concat!(
            "30000000a8f912d807000000000000000900000000000000020103040d000000",
            "68656c6c6f206a6f75726e616c000000"
        )
    );
    // Elsewhere the same frame has another checksum.
    assert_ne!(commit_word(0xdead_beef, 4_104, &frame[8..]).to_le_bytes(), frame[..8]);
}

#[test]
fn the_newer_valid_header_copy_counts() {
    let newer = header();
    let mut older = header();
    older.generation = 3;
    older.sign();
    assert_eq!((older.copy_offset(), newer.copy_offset()), (0, 2_048));
    let both = [older.as_bytes(), newer.as_bytes()].concat();
    assert_eq!(SegmentHeader::pick(&both).map(|header| header.generation), Some(4));
    let mut damaged = both.clone();
    damaged[3_000] ^= 1;
    assert_eq!(SegmentHeader::pick(&damaged).map(|header| header.generation), Some(3));
    damaged[0] ^= 1;
    assert!(SegmentHeader::pick(&damaged).is_none());
    // Cut files: one copy is enough.
    assert_eq!(SegmentHeader::pick(&both[..4_095]).map(|header| header.generation), Some(3));
    assert!(SegmentHeader::pick(&both[..2_047]).is_none());
}

#[test]
fn a_later_version_is_recognised_as_such() {
    let mut later = header();
    later.version = 3;
    later.header_bytes = 0;
    later.sign();
    let bytes = [later.as_bytes(), &[0; HEADER_COPY_BYTES]].concat();
    assert_eq!(SegmentHeader::pick(&bytes).map(|header| header.version), Some(3));
}
