//! Walks the skeleton of a protobuf message before it is decoded: how many messages, how deep. A few bytes on
//! the wire become a structure of a hundred bytes in memory, so the count is limited before the decoder runs.

use crate::{error::WireError, limits::MESSAGE_DEPTH_MAX};
use prost::{
    bytes::Buf as _,
    encoding::{WireType, decode_key, decode_varint},
};

/// The fields of a message that are messages themselves.
pub(crate) struct Shape {
    pub(crate) messages: &'static [(u32, &'static Self)],
}

/// A message without messages in it.
pub(crate) const LEAF: Shape = Shape { messages: &[] };

/// Checks that `bytes` is well formed down to its leaves and holds at most `nodes_max` messages.
pub(crate) fn check(
    what: &'static str,
    bytes: &[u8],
    shape: &Shape,
    nodes_max: usize,
) -> Result<(), WireError> {
    let mut walk = Walk { what, nodes: 0, nodes_max };
    walk.message(bytes, shape, 0)
}

struct Walk {
    what: &'static str,
    nodes: usize,
    nodes_max: usize,
}

impl Walk {
    fn message(&mut self, mut bytes: &[u8], shape: &Shape, depth: usize) -> Result<(), WireError> {
        if depth > MESSAGE_DEPTH_MAX {
            return Err(WireError::TooLarge {
                what: "nesting of a message",
                size: depth,
                size_max: MESSAGE_DEPTH_MAX,
            });
        }
        while !bytes.is_empty() {
            let (tag, wire_type) =
                decode_key(&mut bytes).map_err(|err| WireError::malformed(self.what, err))?;
            // Every field counts, not only messages: repeated scalars grow in memory too.
            self.nodes += 1;
            if self.nodes > self.nodes_max {
                let (what, size_max) = (self.what, self.nodes_max);
                return Err(WireError::TooLarge { what, size: self.nodes, size_max });
            }
            let skipped = match wire_type {
                WireType::Varint => {
                    decode_varint(&mut bytes)
                        .map_err(|err| WireError::malformed(self.what, err))?;
                    0
                }
                WireType::ThirtyTwoBit => 4,
                WireType::SixtyFourBit => 8,
                WireType::LengthDelimited => {
                    let len = decode_varint(&mut bytes)
                        .map_err(|err| WireError::malformed(self.what, err))?;
                    let len = usize::try_from(len).unwrap_or(usize::MAX);
                    let content = bytes
                        .get(..len)
                        .ok_or_else(|| WireError::malformed(self.what, "it ends too early"))?;
                    if let Some((_, inner)) = shape.messages.iter().find(|(known, _)| *known == tag)
                    {
                        self.message(content, inner, depth + 1)?;
                    }
                    len
                }
                WireType::StartGroup | WireType::EndGroup => {
                    return Err(WireError::malformed(self.what, "groups are not used"));
                }
            };
            if skipped > bytes.len() {
                return Err(WireError::malformed(self.what, "it ends too early"));
            }
            bytes.advance(skipped);
        }
        Ok(())
    }
}
