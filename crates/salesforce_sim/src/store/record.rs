//! The values of one record in one allocation.

/// The fields of a record that have a value, each as its position in the object, a length and the text.
#[derive(Debug, Default)]
pub(crate) struct Cells(Box<[u8]>);

/// The bytes of a position and a length.
const HEAD: usize = 6;

impl Cells {
    /// Packs values in their order.
    pub(crate) fn pack<'a>(values: impl Iterator<Item = (u16, &'a str)>) -> Self {
        let mut packed = Vec::with_capacity(256);
        for (field, value) in values {
            packed.extend_from_slice(&field.to_le_bytes());
            // A field has at most 131,072 characters, far less than 4 GiB.
            packed.extend_from_slice(&u32::try_from(value.len()).unwrap_or(u32::MAX).to_le_bytes());
            packed.extend_from_slice(value.as_bytes());
        }
        Self(packed.into_boxed_slice())
    }

    /// The fields that have a value.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u16, &str)> {
        self.raw().map(|(field, value)| (field, text(value)))
    }

    /// The value of one field.
    pub(crate) fn get(&self, field: usize) -> Option<&str> {
        self.raw().find(|(at, _)| usize::from(*at) == field).map(|(_, value)| text(value))
    }

    fn raw(&self) -> impl Iterator<Item = (u16, &[u8])> {
        let mut rest = &self.0[..];
        std::iter::from_fn(move || {
            let (head, tail) = rest.split_at_checked(HEAD)?;
            let field = u16::from_le_bytes([head[0], head[1]]);
            let length = u32::from_le_bytes([head[2], head[3], head[4], head[5]]) as usize;
            let (value, tail) = tail.split_at_checked(length)?;
            rest = tail;
            Some((field, value))
        })
    }
}

/// Reads a packed value, which is always text.
fn text(value: &[u8]) -> &str {
    std::str::from_utf8(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_values_are_read_back() {
        let values = [(3, "three"), (9, ""), (65_000, "Zoë 東京\n")];
        let cells = Cells::pack(values.into_iter());
        assert_eq!(cells.iter().collect::<Vec<_>>(), values);
        assert_eq!(cells.get(9), Some(""));
        assert_eq!(cells.get(4), None);
        assert_eq!(Cells::default().iter().count(), 0);
    }
}
