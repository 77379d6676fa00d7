//! Splits MQTT 3.1.1 frames by hand, so that the PUBLISH of QoS 0 and 1, nearly all of the traffic, is read in place without copying.
//! Everything else, and whatever looks wrong, is left to the protocol crate, which then says what is wrong. Pure; never allocates.

/// Where the first frame of a buffer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The whole frame is there: its first byte, and its length with all headers.
    Whole {
        /// Packet type and flags.
        first: u8,
        /// Where the body starts.
        body: usize,
        /// Length of the frame.
        total: usize,
    },
    /// The frame will be this long, but is not there yet.
    Partial {
        /// Length of the frame.
        total: usize,
    },
    /// Not even the length is known yet.
    Unknown,
    /// The length is encoded in more than four bytes.
    Malformed,
}

/// A PUBLISH with QoS 0 or 1, read in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishFrame<'a> {
    /// Topic name, valid UTF-8, otherwise unchecked.
    pub topic: &'a str,
    /// Application message.
    pub payload: &'a [u8],
    /// Packet id of QoS 1 (never 0), None for QoS 0.
    pub packet_id: Option<u16>,
    /// Retain flag.
    pub retain: bool,
    /// Duplicate flag.
    pub dup: bool,
}

/// Measures the first frame of `bytes`.
pub fn extent(bytes: &[u8]) -> Extent {
    let Some((&first, rest)) = bytes.split_first() else {
        return Extent::Unknown;
    };
    let mut length = 0;
    for index in 0..4 {
        let Some(&byte) = rest.get(index) else {
            return Extent::Unknown;
        };
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let body = index + 2;
            let total = body + length;
            return if total <= bytes.len() {
                Extent::Whole { first, body, total }
            } else {
                Extent::Partial { total }
            };
        }
    }
    Extent::Malformed
}

/// Reads the body of a frame whose first byte is `first`. None if it is not a sound PUBLISH of QoS 0 or 1.
pub fn publish(first: u8, body: &[u8]) -> Option<PublishFrame<'_>> {
    const PUBLISH: u8 = 3;
    let qos = first >> 1 & 3;
    if first >> 4 != PUBLISH || qos > 1 {
        return None;
    }
    let (length, rest) = body.split_first_chunk::<2>()?;
    let (topic, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    let topic = std::str::from_utf8(topic).ok()?;
    let (packet_id, payload) = if qos == 0 {
        (None, rest)
    } else {
        let (id, rest) = rest.split_first_chunk::<2>()?;
        (Some(u16::from_be_bytes(*id)).filter(|id| *id != 0), rest)
    };
    if qos == 1 && packet_id.is_none() {
        return None;
    }
    Some(PublishFrame {
        topic,
        payload,
        packet_id,
        retain: first & 1 != 0,
        dup: first & 8 != 0,
    })
}

/// Appends the PUBACK of MQTT 3.1.1 for a packet id.
pub fn write_puback(out: &mut Vec<u8>, packet_id: u16) {
    let [high, low] = packet_id.to_be_bytes();
    out.extend_from_slice(&[0x40, 2, high, low]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use mqtt_protocol_core::mqtt::common::Arc;
    use mqtt_protocol_core::mqtt::connection::{PacketBuildResult, PacketBuilder, PacketData};
    use mqtt_protocol_core::mqtt::packet::{Qos, v3_1_1};
    use proptest::prelude::*;

    /// What both parsers must agree on.
    #[derive(Debug, PartialEq)]
    struct Read {
        topic: String,
        payload: Vec<u8>,
        packet_id: Option<u16>,
        retain: bool,
        dup: bool,
    }

    fn by_crate(bytes: &[u8]) -> Option<(Read, usize)> {
        let mut cursor = mqtt_protocol_core::mqtt::common::Cursor::new(bytes);
        let PacketBuildResult::Complete(raw) = PacketBuilder::new().feed(&mut cursor) else {
            return None;
        };
        let PacketData::Publish(data) = &raw.data else {
            return None;
        };
        let (packet, _) = v3_1_1::Publish::parse(raw.flags(), Arc::clone(data)).ok()?;
        let packet_id = packet.packet_id();
        if packet.qos() == Qos::ExactlyOnce || packet_id == Some(0) {
            return None;
        }
        let read = Read {
            topic: packet.topic_name().to_owned(),
            payload: packet.payload().as_slice().to_vec(),
            packet_id,
            retain: packet.retain(),
            dup: packet.dup(),
        };
        Some((read, cursor.position() as usize))
    }

    fn by_hand(bytes: &[u8]) -> Option<(Read, usize)> {
        let Extent::Whole { first, body, total } = extent(bytes) else {
            return None;
        };
        let frame = publish(first, &bytes[body..total])?;
        let read = Read {
            topic: frame.topic.to_owned(),
            payload: frame.payload.to_vec(),
            packet_id: frame.packet_id,
            retain: frame.retain,
            dup: frame.dup,
        };
        Some((read, total))
    }

    fn publish_bytes() -> impl Strategy<Value = Vec<u8>> {
        let payload = proptest::collection::vec(any::<u8>(), 0..400);
        (".{0,40}", payload, any::<bool>(), any::<bool>(), any::<bool>(), 1u16..).prop_map(
            |(topic, payload, is_qos1, retain, dup, id)| {
                let topic = topic.replace(['+', '#'], "");
                let builder = v3_1_1::Publish::builder()
                    .topic_name(topic.as_str())
                    .unwrap()
                    .payload(payload)
                    .retain(retain);
                let builder = if is_qos1 {
                    builder.qos(Qos::AtLeastOnce).packet_id(id).dup(dup)
                } else {
                    builder
                };
                // The builder refuses an empty topic, which the wire may carry all the same.
                builder
                    .build()
                    .map_or_else(|_| vec![0x30, 2, 0, 0], |packet| packet.to_continuous_buffer())
            },
        )
    }

    proptest! {
        #[test]
        fn a_publish_reads_the_same_as_in_the_crate(bytes in publish_bytes(), more in proptest::collection::vec(any::<u8>(), 0..8)) {
            let mut bytes = bytes;
            let length = bytes.len();
            bytes.extend(more);
            let read = by_hand(&bytes);
            prop_assert_eq!(read.as_ref().map(|(_, total)| *total), Some(length));
            prop_assert_eq!(read, by_crate(&bytes));
        }

        #[test]
        fn damaged_frames_read_the_same_as_in_the_crate(
            bytes in publish_bytes(),
            damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        ) {
            let mut bytes = bytes;
            for (index, value) in damage {
                let index = index.index(bytes.len());
                bytes[index] = value;
            }
            prop_assert_eq!(by_hand(&bytes), by_crate(&bytes));
        }

        #[test]
        fn any_bytes_read_the_same_as_in_the_crate(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            prop_assert_eq!(by_hand(&bytes), by_crate(&bytes));
        }
    }

    #[test]
    fn a_cut_frame_is_partial_at_every_length() {
        let mut whole = vec![0x32, 0x85, 0x01, 0, 1, b't', 0, 9];
        whole.resize(3 + 0x85, b'x');
        assert_eq!(
            extent(&whole),
            Extent::Whole {
                first: 0x32,
                body: 3,
                total: whole.len()
            }
        );
        for end in 0..whole.len() {
            let expected = if end < 3 {
                Extent::Unknown
            } else {
                Extent::Partial { total: whole.len() }
            };
            assert_eq!(extent(&whole[..end]), expected);
        }
        assert_eq!(extent(&[0x30, 0x80, 0x80, 0x80, 0x80, 1]), Extent::Malformed);
    }

    #[test]
    fn the_puback_is_the_one_the_crate_writes() {
        let mut out = Vec::new();
        write_puback(&mut out, 0x1234);
        let packet = v3_1_1::Puback::builder().packet_id(0x1234).build().unwrap();
        assert_eq!(out, packet.to_continuous_buffer());
    }
}
