//! The latest packet of each instrument, when the pipeline is slower than the feed.

use pitlane_engine::units::TsNs;

/// Bytes of the largest packet.
const PACKET_BYTES: usize = 184;
/// Packets of one frame that is made here.
const FRAME_PACKETS: usize = 32;

#[derive(Clone, Copy)]
struct Slot {
    waiting: bool,
    length: u8,
    bytes: [u8; PACKET_BYTES],
}

/// Packets that wait for the pipeline, one per instrument; handed on in the order of their instruments' first waiting.
pub(crate) struct Conflation {
    slots: Box<[Slot]>,
    /// Places that wait: a ring of as many entries as there are instruments.
    queue: Box<[u32]>,
    head: usize,
    waiting: usize,
    episode: Option<Episode>,
}

/// A time in which packets were conflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Episode {
    /// Packets that a later one replaced.
    pub(crate) replaced: u64,
    /// Since when.
    pub(crate) from: TsNs,
}

impl Conflation {
    /// Room for one packet of each of `instruments`.
    pub(crate) fn new(instruments: usize) -> Self {
        let slot = Slot { waiting: false, length: 0, bytes: [0; PACKET_BYTES] };
        Self {
            slots: vec![slot; instruments].into_boxed_slice(),
            queue: vec![0; instruments].into_boxed_slice(),
            head: 0,
            waiting: 0,
            episode: None,
        }
    }

    /// Whether packets are being conflated.
    pub(crate) fn active(&self) -> bool {
        self.episode.is_some()
    }

    /// Whether a packet waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// From now on packets wait here.
    pub(crate) fn begin(&mut self, now: TsNs) {
        self.episode.get_or_insert(Episode { replaced: 0, from: now });
    }

    /// Nothing waits any more, and the pipeline keeps up: what the time between was like.
    pub(crate) fn end(&mut self) -> Option<Episode> {
        debug_assert!(self.is_empty());
        self.episode.take()
    }

    /// Keeps a packet of the instrument at `place`; whether an earlier one was replaced. `None` for a packet that is
    /// longer than any layout: it does not wait, the decoder refuses it.
    pub(crate) fn put(&mut self, place: usize, packet: &[u8]) -> Option<bool> {
        let slot = &mut self.slots[place];
        slot.bytes.get_mut(..packet.len())?.copy_from_slice(packet);
        slot.length = u8::try_from(packet.len()).expect("at most 184 bytes");
        let replaced = std::mem::replace(&mut slot.waiting, true);
        if replaced {
            if let Some(episode) = &mut self.episode {
                episode.replaced += 1;
            }
        } else {
            let at = (self.head + self.waiting) % self.queue.len();
            self.queue[at] = u32::try_from(place).expect("at most 9,000 instruments");
            self.waiting += 1;
        }
        Some(replaced)
    }

    /// Makes a frame of waiting packets in `out`; how many, 0 if none waits.
    pub(crate) fn take(&mut self, out: &mut Vec<u8>) -> usize {
        let count = self.waiting.min(FRAME_PACKETS);
        out.clear();
        out.extend_from_slice(&u16::try_from(count).expect("at most 32 packets").to_be_bytes());
        for _ in 0..count {
            let slot = &mut self.slots[self.queue[self.head] as usize];
            slot.waiting = false;
            out.extend_from_slice(&[0, slot.length]);
            out.extend_from_slice(&slot.bytes[..usize::from(slot.length)]);
            self.head = (self.head + 1) % self.queue.len();
            self.waiting -= 1;
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_packet_of_each_instrument_wins_in_the_order_of_first_waiting() {
        let mut conflation = Conflation::new(40);
        let mut out = Vec::new();
        assert_eq!(conflation.take(&mut out), 0);
        conflation.begin(TsNs(5));
        conflation.begin(TsNs(6));
        assert_eq!(conflation.put(3, &[1; 8]), Some(false));
        assert_eq!(conflation.put(1, &[2; 44]), Some(false));
        assert_eq!(conflation.put(3, &[3; 184]), Some(true));
        assert_eq!(conflation.put(3, &[4; 8]), Some(true));
        assert_eq!(conflation.put(3, &[5; 185]), None);
        assert_eq!(conflation.take(&mut out), 2);
        let expected = [&[0, 2, 0, 8][..], &[4; 8], &[0, 44], &[2; 44]].concat();
        assert_eq!(out, expected);
        assert!(conflation.is_empty());
        assert_eq!(conflation.end(), Some(Episode { replaced: 2, from: TsNs(5) }));
        assert!(!conflation.active());
    }

    #[test]
    fn all_instruments_at_once_go_out_in_frames_of_a_few() {
        let mut conflation = Conflation::new(70);
        conflation.begin(TsNs(1));
        let mut out = Vec::new();
        for round in 0..3_u8 {
            for place in 0..70 {
                assert_eq!(conflation.put(place, &[place as u8, round]), Some(false));
            }
            let mut places = Vec::new();
            loop {
                let count = conflation.take(&mut out);
                if count == 0 {
                    break;
                }
                assert!(count <= FRAME_PACKETS);
                places.extend(out[2..].chunks(4).map(|packet| packet[2]));
            }
            assert_eq!(places, (0..70).collect::<Vec<u8>>());
        }
        assert_eq!(conflation.end(), Some(Episode { replaced: 0, from: TsNs(1) }));
    }
}
