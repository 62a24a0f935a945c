//! Where each field is: for the first diverging field of a verification, for dumps, and for the documents' test.

use super::{Event, Header, Kind};

/// One field of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Offset from the start of the event in bytes.
    pub offset: usize,
    /// Size in bytes.
    pub bytes: usize,
    /// Its Rust type as written.
    pub ty: &'static str,
}

macro_rules! header_fields {
    ($($field:ident: $ty:ty),*) => {
        /// The fields of the header.
        pub(super) const HEADER_FIELDS: &[Field] = &[$(Field {
            name: stringify!($field),
            offset: std::mem::offset_of!(Header, $field),
            bytes: size_of::<$ty>(),
            ty: stringify!($ty),
        },)*];
    };
}

header_fields!(seq: u64, ts: u64, instrument: u32, kind: u8, lines: u8, flags: u16, index: u32, source: u32);

/// The field of an event of `kind` that byte `offset` belongs to, as `name` or `name[element byte]`.
pub fn field_at(kind: Kind, offset: usize) -> &'static Field {
    HEADER_FIELDS
        .iter()
        .chain(kind.fields())
        .find(|field| (field.offset..field.offset + field.bytes).contains(&offset))
        .expect("fields cover an event without gaps")
}

impl Event {
    /// The value of a numeric field, widened; `None` for arrays.
    pub fn field_value(&self, field: &Field) -> Option<u64> {
        let bytes = self.used_bytes().get(field.offset..field.offset + field.bytes)?;
        let mut wide = [0; 8];
        if bytes.len() > 8 {
            return None;
        }
        wide[..bytes.len()].copy_from_slice(bytes);
        Some(u64::from_le_bytes(wide))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_cover_every_kind_without_gap_or_overlap() {
        for &kind in Kind::ALL {
            let mut next = 0;
            for field in HEADER_FIELDS.iter().chain(kind.fields()) {
                assert_eq!(field.offset, next, "{}.{}", kind.name(), field.name);
                next += field.bytes;
            }
            assert_eq!(next, usize::from(kind.lines()) * super::super::LINE_BYTES, "{}", kind.name());
        }
    }
}
