//! Arbitrary bytes, and good bytes that were damaged: nothing panics, and the answer is an error or a value
//! that holds all limits.

use crate::{batches, values};
use proptest::prelude::*;
use wire::{
    Batch, EnrolReply, EnrolRequest, Received, RenewReply, RenewRequest, StreamReply,
    decode_observation, encode_observation,
};

fn feed_everything(bytes: &[u8]) {
    if let Ok(observation) = decode_observation(bytes) {
        assert!(observation.fields.len() <= model::limits::FIELDS_MAX);
    }
    if let Ok(batch) = Batch::decode(bytes) {
        assert!(batch.encode().is_ok(), "what was accepted is well formed");
    }
    // These are only judged by not panicking; their limits have tests of their own.
    drop((EnrolRequest::from_bytes(bytes), EnrolReply::from_bytes(bytes)));
    drop((RenewRequest::from_bytes(bytes), RenewReply::from_bytes(bytes)));
    drop((StreamReply::from_bytes(bytes), Received::from_bytes(bytes)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn p9_arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        feed_everything(&bytes);
        let framed = zstd::bulk::compress(&bytes, 1).expect("compresses");
        feed_everything(&framed);
    }

    #[test]
    fn p9_damaged_observations_never_panic(
        observation in values::observation(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut bytes = encode_observation(&observation).expect("encodes");
        let at = at.index(bytes.len());
        bytes[at] = byte;
        feed_everything(&bytes);
        bytes.truncate(at);
        feed_everything(&bytes);
    }

    #[test]
    fn p9_damaged_batches_never_panic(
        items in batches::items(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut body = batches::batch_of(1, &items).encode().expect("encodes");
        let at = at.index(body.len());
        body[at] = byte;
        feed_everything(&body);
        body.truncate(at);
        feed_everything(&body);
    }
}

/// Each level of nesting costs two bytes on the wire and a stack frame in a careless decoder.
#[test]
fn bottomless_nesting_is_refused() {
    // Value = list (field 6) of values (field 1), nested; built from the inside.
    let mut value: Vec<u8> = Vec::new();
    while value.len() <= 3_000 {
        for tag in [0x0A_u8, 0x32] {
            let mut outer = vec![tag];
            prost::encoding::encode_varint(value.len() as u64, &mut outer);
            outer.extend_from_slice(&value);
            value = outer;
        }
    }
    let mut field = vec![0x12];
    prost::encoding::encode_varint(value.len() as u64, &mut field);
    field.extend_from_slice(&value);
    let mut bytes = vec![0x08, 0x01, 0x1A];
    prost::encoding::encode_varint(field.len() as u64, &mut bytes);
    bytes.extend_from_slice(&field);
    let refused = decode_observation(&bytes);
    assert!(matches!(refused, Err(wire::WireError::TooLarge { .. })), "{refused:?}");
}

/// Groups are a forgotten part of protobuf that decoders follow recursively.
#[test]
fn groups_are_refused() {
    let refused = decode_observation(&[0x0B; 1_000]);
    assert!(matches!(refused, Err(wire::WireError::Malformed { .. })), "{refused:?}");
}
