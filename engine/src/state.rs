//! The whole state of a stage, walked by one function that hashes, saves or loads it.
//!
//! A stage describes its state once (`Stage::state`), in a fixed order, and gets three things from it: the state hash
//! that every driver must agree on, the bytes of a snapshot, and the way back from them. So nothing can be hashed but
//! not saved, or saved in one order and loaded in another.
//!
//! What does not change after construction (limits, instrument tables) is no state: it comes from the configuration.
//! Nor is memory that is empty between steps: states are taken only there.

use crate::hash::StateHasher;
use crate::units::TsNs;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// More than anything that is counted reaches, in events, units or nanoseconds (the year 2116).
const COUNT_MAX: u64 = 1 << 62;

/// Walks over a state; see the module.
pub struct StateIo<'a>(Walk<'a>);

#[expect(
    clippy::large_enum_variant,
    reason = "one walk at a time, on the stack: boxing it would allocate at every checkpoint"
)]
enum Walk<'a> {
    Hash(StateHasher),
    Save(&'a mut Vec<u8>),
    Load(Load<'a>),
}

/// Bytes still to be loaded. After the first fault nothing more is taken from them.
struct Load<'a> {
    left: &'a [u8],
    fault: Option<&'static str>,
}

/// Why bytes are not a state of this configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the state cannot be loaded: {0}")]
pub struct StateError(pub &'static str);

/// The hash of the state that `walk` describes, under `domain`.
pub fn hash(domain: u64, walk: impl FnOnce(&mut StateIo<'_>)) -> u128 {
    let mut io = StateIo(Walk::Hash(StateHasher::new(domain)));
    walk(&mut io);
    match io.0 {
        Walk::Hash(hasher) => hasher.finish(),
        _ => unreachable!("a walk does not change what it is for"),
    }
}

/// Appends the state that `walk` describes to `bytes`.
pub fn save(bytes: &mut Vec<u8>, walk: impl FnOnce(&mut StateIo<'_>)) {
    walk(&mut StateIo(Walk::Save(bytes)));
}

/// Sets the state that `walk` describes from `bytes`, all of which must be used.
///
/// # Errors
/// If the bytes are too few or too many, or hold what no such state can hold. What `walk` describes is then in no
/// usable state: build it anew.
pub fn load(bytes: &[u8], walk: impl FnOnce(&mut StateIo<'_>)) -> Result<(), StateError> {
    let mut io = StateIo(Walk::Load(Load { left: bytes, fault: None }));
    walk(&mut io);
    match io.0 {
        Walk::Load(Load { fault: Some(fault), .. }) => Err(StateError(fault)),
        Walk::Load(Load { left, .. }) if !left.is_empty() => Err(StateError("bytes are left over")),
        _ => Ok(()),
    }
}

impl StateIo<'_> {
    /// A value that any bytes can be: numbers, newtypes of numbers, structs and arrays of them without padding.
    pub fn plain<T: FromBytes + IntoBytes + Immutable + Copy>(&mut self, value: &mut T) {
        match &mut self.0 {
            Walk::Hash(hasher) => hasher.bytes(value.as_bytes()),
            Walk::Save(bytes) => bytes.extend_from_slice(value.as_bytes()),
            Walk::Load(load) => {
                if let Some(bytes) = load.take(size_of::<T>()) {
                    *value = T::read_from_bytes(bytes).expect("as many bytes as the type has were taken");
                }
            }
        }
    }

    /// Values side by side whose number is no state.
    pub fn plains<T: FromBytes + IntoBytes + Immutable + Copy>(&mut self, values: &mut [T]) {
        match &mut self.0 {
            Walk::Hash(hasher) => hasher.bytes(values.as_bytes()),
            Walk::Save(bytes) => bytes.extend_from_slice(values.as_bytes()),
            Walk::Load(_) => values.iter_mut().for_each(|value| self.plain(value)),
        }
    }

    /// A value between `least` and `most`, both included.
    pub fn within<T>(&mut self, value: &mut T, least: T, most: T)
    where
        T: FromBytes + IntoBytes + Immutable + Copy + PartialOrd,
    {
        self.plain(value);
        if *value < least || *value > most {
            self.refuse("a value is out of its range");
        }
    }

    /// A count: so far from the end of the numbers that nothing a run adds to it can get there.
    pub fn count(&mut self, value: &mut u64) {
        self.within(value, 0, COUNT_MAX);
    }

    /// A time that a clock can show.
    pub fn time(&mut self, value: &mut TsNs) {
        self.within(value, TsNs::ZERO, TsNs(COUNT_MAX));
    }

    /// A time, or the last of all, which stands for never.
    pub fn time_or_never(&mut self, value: &mut TsNs) {
        self.plain(value);
        if value.0 > COUNT_MAX && value.0 != u64::MAX {
            self.refuse("a value is out of its range");
        }
    }

    /// A float. NaN is a bug in a state: its payload is not portable.
    pub fn float(&mut self, value: &mut f64) {
        assert!(!value.is_nan(), "NaN in a state");
        self.plain(value);
        if value.is_nan() {
            self.refuse("a float is not a number");
            *value = 0.0;
        }
    }

    /// Yes or no.
    pub fn flag(&mut self, value: &mut bool) {
        let mut byte = u8::from(*value);
        self.plain(&mut byte);
        if byte > 1 {
            self.refuse("a flag is neither 0 nor 1");
        }
        *value = byte == 1;
    }

    /// A size or an index, as 64 bits; at most `max`.
    pub fn size(&mut self, value: &mut usize, max: usize) {
        let mut wide = *value as u64;
        self.plain(&mut wide);
        if wide > max as u64 {
            self.refuse("a size is more than there is room for");
            wide = 0;
        }
        *value = wide as usize;
    }

    /// A coded field: an enum by its number.
    pub fn code<T: Copy>(&mut self, value: &mut T, number: fn(T) -> u8, of: fn(u8) -> Option<T>) {
        let mut byte = number(*value);
        self.plain(&mut byte);
        match of(byte) {
            Some(known) => *value = known,
            None => self.refuse("a coded field holds an unknown value"),
        }
    }

    /// What may be there or not; `blank` is what a loaded value starts from.
    pub fn option<T>(
        &mut self,
        value: &mut Option<T>,
        blank: impl FnOnce() -> T,
        each: impl FnOnce(&mut Self, &mut T),
    ) {
        let mut there = value.is_some();
        self.flag(&mut there);
        match (there, value.as_mut()) {
            (true, Some(value)) => each(self, value),
            (true, None) => each(self, value.insert(blank())),
            (false, _) => *value = None,
        }
    }

    /// As many values as there are, at most `max`, for which there is memory; `blank` is what a loaded value starts from.
    pub fn list<T: Clone>(
        &mut self,
        values: &mut Vec<T>,
        max: usize,
        blank: &T,
        mut each: impl FnMut(&mut Self, &mut T),
    ) {
        let mut count = values.len();
        self.size(&mut count, max);
        values.resize(count, blank.clone());
        values.iter_mut().for_each(|value| each(self, value));
    }

    /// Whether a state is being loaded: for what is derived from the state and has to be made anew.
    pub fn is_loading(&self) -> bool {
        matches!(self.0, Walk::Load(_))
    }

    /// Asks whether a rule between several fields holds. Asked only of what was loaded, and only while no fault is
    /// known, so that every single field is one that can be.
    pub fn check(&mut self, holds: impl FnOnce() -> bool, why: &'static str) {
        if let Walk::Load(load) = &mut self.0
            && load.fault.is_none()
            && !holds()
        {
            load.fault = Some(why);
        }
    }

    /// Says that what was loaded cannot be, for rules that the single fields do not show.
    pub fn refuse(&mut self, why: &'static str) {
        if let Walk::Load(load) = &mut self.0 {
            load.fault.get_or_insert(why);
        }
    }
}

impl<'a> Load<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        if self.fault.is_some() {
            return None;
        }
        let Some((taken, left)) = self.left.split_at_checked(count) else {
            self.fault = Some("there are too few bytes");
            return None;
        };
        self.left = left;
        Some(taken)
    }
}

#[cfg(test)]
pub(crate) mod trips;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Side;
    use crate::units::Price;

    #[derive(Clone, Debug, PartialEq)]
    struct Sample {
        price: Price,
        mean: f64,
        open: bool,
        side: Side,
        last: Option<Price>,
        queue: Vec<u32>,
        fixed: [i64; 3],
        count: usize,
    }

    impl Sample {
        const BLANK: Self = Self {
            price: Price(0),
            mean: 0.0,
            open: false,
            side: Side::Buy,
            last: None,
            queue: Vec::new(),
            fixed: [0; 3],
            count: 0,
        };

        fn state(&mut self, io: &mut StateIo<'_>) {
            io.plain(&mut self.price);
            io.float(&mut self.mean);
            io.flag(&mut self.open);
            io.code(&mut self.side, |side| side as u8, Side::from_u8);
            io.option(&mut self.last, || Price(0), |io, price| io.plain(price));
            io.list(&mut self.queue, 4, &0, |io, value| io.plain(value));
            io.plains(&mut self.fixed);
            io.size(&mut self.count, 10);
        }

        fn hash(&mut self) -> u128 {
            hash(7, |io| self.state(io))
        }
    }

    fn sample() -> Sample {
        Sample {
            price: Price(12_345),
            mean: 1.5,
            open: true,
            side: Side::Sell,
            last: Some(Price(9)),
            queue: vec![1, 2, 3],
            fixed: [-1, 0, 1],
            count: 10,
        }
    }

    #[test]
    fn what_was_saved_is_loaded_and_hashes_alike() {
        let mut was = sample();
        let mut bytes = Vec::new();
        save(&mut bytes, |io| was.state(io));
        let mut is = Sample::BLANK;
        load(&bytes, |io| is.state(io)).unwrap();
        assert_eq!(is, was);
        assert_eq!(is.hash(), was.hash());
        let mut blank = Sample::BLANK;
        assert_ne!(blank.hash(), was.hash());
    }

    #[test]
    fn every_truncation_and_every_byte_too_many_is_refused() {
        let mut bytes = Vec::new();
        save(&mut bytes, |io| sample().state(io));
        for cut in 0..bytes.len() {
            let mut is = Sample::BLANK;
            assert_eq!(
                load(&bytes[..cut], |io| is.state(io)),
                Err(StateError("there are too few bytes")),
                "{cut}"
            );
        }
        bytes.push(0);
        assert_eq!(load(&bytes, |io| sample().state(io)), Err(StateError("bytes are left over")));
    }

    #[test]
    fn values_that_cannot_be_are_refused() {
        let mut bytes = Vec::new();
        save(&mut bytes, |io| sample().state(io));
        let table = [
            (16, 2, "a flag is neither 0 nor 1"),
            (17, 9, "a coded field holds an unknown value"),
            (27, 200, "a size is more than there is room for"),
            (bytes.len() - 8, 11, "a size is more than there is room for"),
        ];
        for (at, value, why) in table {
            let mut changed = bytes.clone();
            changed[at] = value;
            assert_eq!(
                load(&changed, |io| {
                    let mut blank = Sample::BLANK;
                    blank.state(io)
                }),
                Err(StateError(why)),
                "byte {at}"
            );
        }
        bytes[8..16].copy_from_slice(&f64::NAN.to_le_bytes());
        assert_eq!(load(&bytes, |io| sample().state(io)), Err(StateError("a float is not a number")));
    }

    #[test]
    fn any_bytes_load_or_are_refused_and_never_panic() {
        let seed = 41_u64;
        println!("seed {seed}");
        let mut bytes = Vec::new();
        save(&mut bytes, |io| sample().state(io));
        let mut random = seed;
        for _ in 0..20_000 {
            let mut changed = bytes.clone();
            for _ in 0..3 {
                random =
                    random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let at = (random >> 33) as usize % changed.len();
                changed[at] = (random >> 20) as u8;
            }
            let mut is = Sample::BLANK;
            if load(&changed, |io| is.state(io)).is_ok() {
                let mut again = Vec::new();
                save(&mut again, |io| is.state(io));
                assert_eq!(again, changed, "what loads saves the same bytes");
            }
        }
    }
}
