//! Going to a record without reading everything before it.

use std::os::unix::fs::FileExt;

use super::{Frame, OpenSegment, Reader, corrupt_at};
use crate::chain::{Entry, read_trailer};
use crate::dir::segment_indices;
use crate::error::{Fault, JournalError};
use crate::format::{FRAMES_START, SegmentHeader, TRAILER_BYTES};
use crate::frame::At;
use crate::inspect::SeqTime;

impl Reader {
    /// Goes to the first record whose seq is at least `seq`; returns whether there is one, which [`next`](Self::next)
    /// then gives. Uses the index of sealed segments; what the index says is believed only after the frame that it names
    /// was verified.
    ///
    /// # Errors
    ///
    /// Those of [`open_kept`](Self::open_kept) and [`next`](Self::next); [`JournalError::RemovedByRetention`] if the
    /// record may have been among those that are gone.
    pub fn seek_seq(&mut self, seq: u64) -> Result<bool, JournalError> {
        if let Some(kept) = self.kept.filter(|kept| seq <= kept.last_seq) {
            return Err(self.removed(&kept));
        }
        self.jump(|header| header.first_seq <= seq, |entry| entry.first_seq <= seq)?;
        self.skip_until(|frame| frame.seq >= seq)
    }

    /// Goes to the first record whose timestamp is at least `ts_ns`, like [`seek_seq`](Self::seek_seq).
    ///
    /// # Errors
    ///
    /// Those of [`open_kept`](Self::open_kept) and [`next`](Self::next); [`JournalError::RemovedByRetention`] if the
    /// record may have been among those that are gone.
    pub fn seek_ts(&mut self, ts_ns: u64) -> Result<bool, JournalError> {
        if let Some(kept) = self.kept.filter(|kept| ts_ns <= kept.last_ts_ns) {
            return Err(self.removed(&kept));
        }
        // Strictly before: several records may share the timestamp, across blocks and segments.
        self.jump(|header| header.first_ts_ns < ts_ns, |entry| entry.first_ts_ns < ts_ns)?;
        self.skip_until(|frame| frame.ts_ns >= ts_ns)
    }

    /// The last record's place, found without reading everything before it; the reader is at its end then. Records of
    /// the last segment are verified as [`next`](Self::next) does.
    ///
    /// # Errors
    ///
    /// Those of [`open_kept`](Self::open_kept) and [`next`](Self::next).
    pub fn seek_last(&mut self) -> Result<Option<SeqTime>, JournalError> {
        self.jump(|_| true, |_| true)?;
        let mut last = None;
        while let Some(frame) = self.next()? {
            last = Some(SeqTime { seq: frame.seq, ts_ns: frame.ts_ns });
        }
        Ok(last)
    }

    /// Goes to a verified frame that is not behind the wanted one, as near as the headers and the index lead.
    fn jump(
        &mut self,
        segment_before: impl Fn(&SegmentHeader) -> bool,
        entry_before: impl Fn(&Entry) -> bool,
    ) -> Result<(), JournalError> {
        let mut found = None;
        let first = self.kept.map_or(0, |kept| kept.first_index);
        for index in segment_indices(&self.folder)?.into_iter().skip_while(|&index| index < first) {
            let segment = OpenSegment::new(&self.folder, &self.stream, index, None)?;
            if segment.header.journal_uuid != self.journal_uuid() {
                let what = Fault::Foreign { field: "journal uuid" };
                return Err(corrupt_at(&segment.path, index, 0, None, what));
            }
            if index == first || segment.header.is_active() && segment_before(&segment.header) {
                found = Some(segment);
            }
        }
        let Some(segment) = found else { return Ok(()) };
        let header = &segment.header;
        self.seq_next = header.is_active().then_some(header.first_seq);
        self.position_bytes = FRAMES_START;
        self.last_ts_ns = 0;
        self.end = None;
        if let Some(entry) = segment.entry(entry_before)? {
            self.seq_next = Some(entry.first_seq);
            self.position_bytes = entry.first_frame;
        }
        self.current = segment;
        self.next_file = None;
        Ok(())
    }

    fn skip_until(&mut self, wanted: impl Fn(&Frame<'_>) -> bool) -> Result<bool, JournalError> {
        loop {
            let before_ns = self.last_ts_ns;
            let Some(frame) = self.next()? else { return Ok(false) };
            if wanted(&frame) {
                let (offset, seq) = (frame.offset, frame.seq);
                (self.position_bytes, self.seq_next, self.last_ts_ns) = (offset, Some(seq), before_ns);
                return Ok(true);
            }
        }
    }
}

impl OpenSegment {
    /// The last index entry for which `before` holds, if the frame that it names is there.
    fn entry(&self, before: impl Fn(&Entry) -> bool) -> Result<Option<Entry>, JournalError> {
        if !self.header.is_sealed() || self.file_bytes < self.header.segment_bytes {
            return Ok(None);
        }
        let mut trailer = vec![0; TRAILER_BYTES as usize];
        let at = self.header.segment_bytes - TRAILER_BYTES;
        self.file
            .read_exact_at(&mut trailer, at)
            .map_err(|source| JournalError::io("read the index of", &self.path, source))?;
        let Some((entries, _)) = read_trailer(&trailer, self.header.salt) else { return Ok(None) };
        let entry = entries.into_iter().rfind(|entry| entry.first_frame != 0 && before(entry));
        Ok(entry.filter(|entry| {
            let inside = (FRAMES_START..self.limit_bytes).contains(&entry.first_frame)
                && entry.first_frame.is_multiple_of(8);
            inside
                && matches!(
                    self.frame_at(entry.first_frame, Some(entry.first_seq), 0),
                    At::Frame(found) if !found.is_roll() && found.body.ts_ns == entry.first_ts_ns
                )
        }))
    }
}
