//! Searches a string sixteen bytes at a time for the end of a run of plain text, and for commas.

use wide::u8x16;

const WIDTH: usize = 16;

/// The next byte at or after `at` that ends a run of plain text (a quote, a backslash, a control character), and
/// whether there is a comma before it.
#[inline]
pub(super) fn find_stop(bytes: &[u8], mut at: usize) -> Option<(usize, bool)> {
    let mut has_comma = false;
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<WIDTH>) {
        let (stops, commas) = stops_and_commas(u8x16::new(*chunk));
        if stops != 0 {
            // Only the commas before the first stop count.
            has_comma |= commas & (stops ^ (stops - 1)) != 0;
            return Some((at + stops.trailing_zeros() as usize, has_comma));
        }
        has_comma |= commas != 0;
        at += WIDTH;
    }
    let rest = bytes.get(at..)?;
    let stop = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..b' '))?;
    Some((at + stop, has_comma || rest[..stop].contains(&b',')))
}

/// Two bit sets, the first byte in the lowest bit: the bytes that end a run of plain text, and the commas.
#[inline]
fn stops_and_commas(bytes: u8x16) -> (u32, u32) {
    let equal = |byte| bytes.simd_eq(u8x16::splat(byte));
    // A byte that the minimum leaves unchanged is a control character.
    let is_control = bytes.min(u8x16::splat(b' ' - 1)).simd_eq(bytes);
    ((equal(b'"') | equal(b'\\') | is_control).to_bitmask(), equal(b',').to_bitmask())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one_by_one(bytes: &[u8], at: usize) -> Option<(usize, bool)> {
        let rest = bytes.get(at..)?;
        let stop = rest.iter().position(|byte| *byte == b'"' || *byte == b'\\' || *byte < 0x20)?;
        Some((at + stop, rest[..stop].contains(&b',')))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn the_next_stop_is_found_at_every_position(
            bytes in prop::collection::vec(prop_oneof![
                6 => any::<u8>(),
                6 => b'a'..=b'c',
                1 => prop::sample::select(vec![b'"', b'\\', b',', b'!', b'#', b'-', b'[', b']', 0, 0x1f, b' ', 0x80, 0xff]),
            ], 0..70),
            at in 0..70_usize,
        ) {
            prop_assert_eq!(find_stop(&bytes, at), one_by_one(&bytes, at));
        }
    }
}
