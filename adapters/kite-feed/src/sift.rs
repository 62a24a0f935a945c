//! Takes packets out of a frame without touching the others.

/// Bytes of a frame's number of packets and of each packet's length.
pub(crate) const PREFIX: usize = 2;

/// What is left of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// All of it: use the frame as it came.
    Whole,
    /// Some of it, rewritten into `out`.
    Part,
    /// Nothing.
    Nothing,
}

/// The big-endian number at `offset`, 0 if the bytes do not reach so far.
pub(crate) fn word(bytes: &[u8], offset: usize) -> u32 {
    bytes.get(offset..offset + 4).map_or(0, |four| u32::from_be_bytes(four.try_into().expect("four bytes")))
}

/// Asks `keep` about every whole packet of a frame of at least two bytes. If some go, `out` becomes a frame of the
/// others: with the count lowered, and whatever followed the last whole packet (a torn packet, bytes behind the end), so
/// that the decoder refuses it exactly as it would have.
pub(crate) fn sift(frame: &[u8], out: &mut Vec<u8>, mut keep: impl FnMut(&[u8]) -> bool) -> Left {
    let declared = u16::from_be_bytes([frame[0], frame[1]]);
    let (mut at, mut seen, mut gone) = (PREFIX, 0_u16, 0_u16);
    while seen < declared {
        let Some(length) = frame.get(at..at + PREFIX) else { break };
        let end = at + PREFIX + usize::from(u16::from_be_bytes([length[0], length[1]]));
        let Some(packet) = frame.get(at + PREFIX..end) else { break };
        if keep(packet) {
            if gone > 0 {
                out.extend_from_slice(&frame[at..end]);
            }
        } else {
            if gone == 0 {
                out.clear();
                out.extend_from_slice(&frame[..at]);
            }
            gone += 1;
        }
        (at, seen) = (end, seen + 1);
    }
    if gone == 0 {
        return Left::Whole;
    }
    out.extend_from_slice(&frame[at..]);
    let count = declared - gone;
    out[..PREFIX].copy_from_slice(&count.to_be_bytes());
    if count == 0 && out.len() == PREFIX { Left::Nothing } else { Left::Part }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame of packets of one byte each, declared to be `declared`, with `tail` behind them.
    fn frame(declared: u16, packets: &[u8], tail: &[u8]) -> Vec<u8> {
        let mut frame = declared.to_be_bytes().to_vec();
        for packet in packets {
            frame.extend_from_slice(&[0, 1, *packet]);
        }
        frame.extend_from_slice(tail);
        frame
    }

    #[test]
    fn packets_go_and_the_others_stay_in_order() {
        for (packets, tail, kept) in [
            (&[1_u8, 2, 3, 4][..], &[][..], &[1_u8, 3][..]),
            (&[2, 4, 1], &[], &[1]),
            (&[1, 2], &[9, 9, 9], &[1]),
            (&[2], &[0, 50, 1, 2], &[]),
        ] {
            let declared = packets.len() as u16 + u16::from(tail.len() == 4);
            let mut out = vec![7; 100];
            let left = sift(&frame(declared, packets, tail), &mut out, |packet| packet[0] % 2 == 1);
            let expected = frame(kept.len() as u16 + u16::from(tail.len() == 4), kept, tail);
            assert_eq!((left, &out), (Left::Part, &expected));
        }
        let mut out = vec![7];
        assert_eq!(sift(&frame(2, &[2, 4], &[]), &mut out, |_| false), Left::Nothing);
        assert_eq!(sift(&frame(2, &[2, 4], &[]), &mut out, |_| true), Left::Whole);
        assert_eq!(sift(&[0, 0], &mut out, |_| false), Left::Whole);
        assert_eq!(sift(&[0, 9], &mut out, |_| false), Left::Whole);
    }
}
