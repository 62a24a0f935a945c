//! The feed decoder: frames of the broker's ticker in, market events out.
//!
//! ```text
//! frame    u16 number of packets, then per packet: u16 length, bytes        all integers big-endian
//!          one byte alone is a heartbeat
//! packet     8 bytes  last price                          ─► Ltp
//!           28, 32    index: day figures (32: and a time) ─► Quote, MARKET_INDEX
//!           44        day figures and volume              ─► Quote
//!          184        the same, times, five levels a side ─► Full
//! ```
//! What cannot be used becomes a `DeadLetter` in the place of the packet, so nothing is lost silently and the
//! packets around it are still used. Source of the layouts: the broker's published ticker documentation (Kite
//! Connect 3) and its official client libraries.
//!
//! The decoder is pulled: `begin` a frame, then `next` until it answers false. It allocates nothing after
//! `new`, and no bytes whatever can make it panic.

mod counters;
mod packet;
mod tokens;
#[cfg(target_arch = "x86_64")]
mod vector;

#[cfg(test)]
mod tests;

pub use counters::DecoderCounters;

use crate::config::InstrumentSpec;
use crate::event::{Body, DeadLetter, DeadReason, Event, FLAG_EXO, Full, Header, Ltp, Quote};
use crate::units::{InstrumentId, Seq, TsNs};
use packet::{Origin, Vectors, u32_at};
use tokens::TokenTable;

/// Bytes of the number of packets and of each packet's length.
const PREFIX_BYTES: usize = 2;

/// Turns the frames of one source into events.
pub struct Decoder {
    tokens: TokenTable,
    source: u32,
    /// Time of the newest event; the next one's is not below it.
    ts: TsNs,
    /// Number of the newest event.
    source_seq: u64,
    counters: DecoderCounters,
    /// The processor's, if it has what a packet is read with at once.
    vectors: Option<Vectors>,
}

/// How far a frame has been decoded. The default is that of a finished frame.
#[derive(Clone, Copy, Debug, Default)]
pub struct FrameCursor {
    received: TsNs,
    /// Bytes of the frame that are not decoded.
    rest: usize,
    packets_left: u16,
}

impl FrameCursor {
    /// Whether its frame has nothing more.
    #[inline]
    pub fn is_at_end(&self) -> bool {
        self.packets_left == 0 && self.rest == 0
    }

    /// What of `frame` is not decoded.
    #[inline]
    fn rest<'a>(&self, frame: &'a [u8]) -> &'a [u8] {
        &frame[frame.len() - self.rest..]
    }

    /// Goes over a packet of `bytes`.
    #[inline]
    fn pass(&mut self, bytes: usize) {
        self.rest -= PREFIX_BYTES + bytes;
        self.packets_left -= 1;
    }

    /// The same at the end of its frame, whatever is left of it.
    fn ended(self) -> Self {
        Self { rest: 0, packets_left: 0, ..self }
    }
}

impl Decoder {
    /// A decoder of source number `source` that knows `instruments`; their ids are their places in the slice.
    ///
    /// Panics if two instruments share a token, or if there are more than `limits::INSTRUMENTS_MAX`.
    pub fn new(instruments: &[InstrumentSpec], source: u32) -> Self {
        Self {
            tokens: TokenTable::new(instruments),
            source,
            ts: TsNs::ZERO,
            source_seq: 0,
            counters: DecoderCounters::default(),
            vectors: Vectors::detect(),
        }
    }

    /// The same decoder without vectors, as on a processor that has none: it reads packets field by field, to the same events.
    pub fn by_fields(self) -> Self {
        Self { vectors: None, ..self }
    }

    /// Starts a frame that was received at `received`. A heartbeat is counted and yields nothing.
    ///
    /// An earlier frame that was not pulled to its end is abandoned without a trace: pull first.
    #[inline]
    pub fn begin(&mut self, frame: &[u8], received: TsNs) -> FrameCursor {
        count(&mut self.counters.frames);
        self.ts = self.ts.max(received);
        match *frame {
            [high, low, ref rest @ ..] => {
                FrameCursor { received, rest: rest.len(), packets_left: u16::from_be_bytes([high, low]) }
            }
            // Not even a number of packets: pulled as a packet that is cut off before its length.
            [] => FrameCursor { received, rest: 0, packets_left: 1 },
            [_] => {
                count(&mut self.counters.heartbeats);
                FrameCursor::default()
            }
        }
    }

    /// Writes the frame's next event into `event`; false when the frame is done, and `event` is then
    /// unchanged.
    ///
    /// `frame` must be the bytes that `cursor` was begun with. Only the used bytes of `event` are written.
    #[inline]
    pub fn next(&mut self, frame: &[u8], cursor: &mut FrameCursor, event: &mut Event) -> bool {
        // Nearly every packet is a full one.
        if cursor.packets_left > 0
            && let Some(packet) = full_packet(cursor.rest(frame))
        {
            cursor.pass(packet.len());
            match self.vectors {
                Some(vectors) => vectors.full(self, packet, cursor.received, event),
                None => self.full_by_fields(packet, cursor.received, event),
            }
            return true;
        }
        if cursor.is_at_end() {
            return false;
        }
        // By value, so that a caller's cursor can stay in registers.
        *cursor = self.next_other(frame, *cursor, event);
        true
    }

    /// `full` on any processor.
    fn full_by_fields(&mut self, packet: &[u8; packet::FULL_BYTES], received: TsNs, event: &mut Event) {
        self.full(packet, received, event, TokenTable::find_first, packet::fields_in_paise, Self::other);
    }

    /// Makes a packet of 184 bytes the next event. `find` finds a plain instrument, `fields` writes what the packet itself says;
    /// if the former cannot, `otherwise` goes on.
    ///
    /// Nearly every packet can be used, and goes straight through here: nothing is called, not even to panic, so nothing is saved
    /// on the stack; and the decoder changes when all is well. What is not plain is begun anew by `other`.
    #[inline(always)]
    fn full(
        &mut self,
        packet: &[u8; packet::FULL_BYTES],
        received: TsNs,
        event: &mut Event,
        find: impl FnOnce(&TokenTable, u32) -> Option<(InstrumentId, u32)>,
        fields: impl FnOnce(&[u8; packet::FULL_BYTES], &mut Full) -> bool,
        otherwise: impl FnOnce(&mut Self, &[u8; packet::FULL_BYTES], TsNs, &mut Event),
    ) {
        let token = u32_at(packet, 0).expect("the packet is longer than that");
        let Some((id, flags)) = find(&self.tokens, token) else {
            return otherwise(self, packet, received, event);
        };
        event.header = header::<Full>(id, self.source, self.ts);
        let full = event.body_mut::<Full>();
        (full.received, full.flags) = (received, flags);
        if !fields(packet, full) {
            return self.other(packet, received, event);
        }
        count(&mut self.source_seq);
        count(&mut self.counters.full);
        full.source_seq = self.source_seq;
    }

    /// Makes a packet of 184 bytes the next event, whatever is to be said of it.
    #[cold]
    #[inline(never)]
    fn other(&mut self, packet: &[u8; packet::FULL_BYTES], received: TsNs, event: &mut Event) {
        self.whole(packet, received, event);
    }

    /// The next event of a frame that has one, and where the frame is then.
    #[cold]
    #[inline(never)]
    fn next_other(&mut self, frame: &[u8], mut cursor: FrameCursor, event: &mut Event) -> FrameCursor {
        let rest = cursor.rest(frame);
        if cursor.packets_left == 0 {
            self.refuse(DeadReason::TrailingBytes, rest, 0, cursor.received, event);
            return cursor.ended();
        }
        let Some(packet) = whole_packet(rest) else {
            let token = u32_at(rest, PREFIX_BYTES).unwrap_or(0);
            self.refuse(DeadReason::Truncated, rest, token, cursor.received, event);
            return cursor.ended();
        };
        cursor.pass(packet.len());
        self.whole(packet, cursor.received, event);
        cursor
    }

    /// Makes a whole packet the next event.
    fn whole(&mut self, packet: &[u8], received: TsNs, event: &mut Event) {
        if let Err(reason) = self.decode(packet, received, event) {
            self.refuse(reason, packet, u32_at(packet, 0).unwrap_or(0), received, event);
        }
    }

    /// What was decoded and refused so far.
    pub fn counters(&self) -> &DecoderCounters {
        &self.counters
    }

    /// Makes a dead letter of something that never became a frame (a refused row of a file) this source's
    /// next event: gives it the source, its number, and a time not below the previous event's. `received` is
    /// kept.
    ///
    /// Panics if `event` is not a `DeadLetter` with a known reason.
    pub fn stamp(&mut self, event: &mut Event) {
        let letter = event.body::<DeadLetter>();
        let reason = DeadReason::from_u8(letter.reason).expect("whoever refuses input names a known reason");
        self.ts = self.ts.max(letter.received);
        self.source_seq += 1;
        self.counters.dead_letters[reason as usize] += 1;
        event.body_mut::<DeadLetter>().source_seq = self.source_seq;
        event.header.ts = self.ts;
        event.header.source = self.source;
        event.header.flags |= FLAG_EXO;
    }

    /// Decodes a whole packet, or says why it cannot be used; nothing has changed then but what is in `event`.
    fn decode(&mut self, packet: &[u8], received: TsNs, event: &mut Event) -> Result<(), DeadReason> {
        let token = u32_at(packet, 0).ok_or(DeadReason::UnknownLength)?;
        let mut origin = Origin::new(token, received);
        // The length is judged before the instrument: it alone says whether the first four bytes are a token.
        let fits = match packet.len() {
            8 => true,
            28 | 32 => origin.is_index(),
            44 | packet::FULL_BYTES => !origin.is_index(),
            _ => false,
        };
        if !fits {
            return Err(DeadReason::UnknownLength);
        }
        let id = self.tokens.find(token).ok_or(DeadReason::UnknownInstrument)?;
        origin.source_seq = self.source_seq + 1;
        let counters = &mut self.counters;
        let (body_source, ts) = (self.source, self.ts);
        match packet.len() {
            8 => {
                let body: Ltp = packet::ltp(packet, &origin)?;
                counters.ltp += 1;
                write(event, id, body_source, ts, &body);
            }
            44 => {
                let body: Quote = packet::quote(packet, &origin)?;
                counters.quote += 1;
                write(event, id, body_source, ts, &body);
            }
            packet::FULL_BYTES => {
                let packet = packet.first_chunk().expect("the packet has that length");
                event.header = header::<Full>(id, body_source, ts);
                packet::full(packet, &origin, event.body_mut())?;
                counters.full += 1;
            }
            _ => {
                let body: Quote = packet::index(packet, &origin)?;
                counters.index += 1;
                write(event, id, body_source, ts, &body);
            }
        }
        self.source_seq = origin.source_seq;
        Ok(())
    }

    /// Writes a dead letter for `original` as the source's next event.
    #[cold]
    #[inline(never)]
    fn refuse(&mut self, reason: DeadReason, original: &[u8], token: u32, received: TsNs, event: &mut Event) {
        self.source_seq += 1;
        self.counters.dead_letters[reason as usize] += 1;
        let mut letter = DeadLetter {
            received,
            source_seq: self.source_seq,
            token,
            original_bytes: u32::try_from(original.len()).unwrap_or(u32::MAX),
            kept_bytes: 0,
            reason: reason as u8,
            reserved: [0; 1],
            line: 0,
            reserved2: [0; 8],
            data: [0; 184],
        };
        let kept = original.len().min(letter.data.len());
        letter.kept_bytes = u16::try_from(kept).expect("at most 184 bytes are kept");
        letter.data[..kept].copy_from_slice(&original[..kept]);
        let id = self.tokens.find(token).unwrap_or(InstrumentId::NONE);
        write(event, id, self.source, self.ts, &letter);
    }
}

/// One more. No run counts to the end of 64 bits.
#[inline]
fn count(number: &mut u64) {
    *number = number.wrapping_add(1);
}

/// The packet that `rest` begins with, if all of it is there.
fn whole_packet(rest: &[u8]) -> Option<&[u8]> {
    let (prefix, rest) = rest.split_first_chunk::<PREFIX_BYTES>()?;
    rest.get(..usize::from(u16::from_be_bytes(*prefix)))
}

/// The full packet that `rest` begins with, if it does.
#[inline]
fn full_packet(rest: &[u8]) -> Option<&[u8; packet::FULL_BYTES]> {
    let (prefix, rest) = rest.split_first_chunk::<PREFIX_BYTES>()?;
    let packet = rest.first_chunk()?;
    (u16::from_be_bytes(*prefix) == packet::FULL_BYTES as u16).then_some(packet)
}

/// Writes an input from outside into `event`, in place: a slot is 256 bytes, most events use fewer.
fn write<B: Body>(event: &mut Event, instrument: InstrumentId, source: u32, ts: TsNs, body: &B) {
    event.header = header::<B>(instrument, source, ts);
    *event.body_mut::<B>() = *body;
}

/// The header of an input from outside.
fn header<B: Body>(instrument: InstrumentId, source: u32, ts: TsNs) -> Header {
    Header {
        seq: Seq::ZERO,
        ts,
        instrument,
        kind: B::KIND as u8,
        lines: B::LINES,
        flags: FLAG_EXO,
        index: 0,
        source,
    }
}
