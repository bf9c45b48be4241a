//! The last three characters of an id of 18.

/// The characters that encode which of five characters are capitals, the first in the lowest bit (REST API guide, "sObject
/// IDs").
const CODES: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// The last three characters of an id, which encode the case of its first 15.
pub fn check_characters(id: &[u8; 15]) -> [u8; 3] {
    [0, 5, 10].map(|start| {
        let five = &id[start..start + 5];
        let capitals = five.iter().rev().fold(0, |bits, byte| bits << 1 | usize::from(byte.is_ascii_uppercase()));
        CODES[capitals]
    })
}

/// Which of five characters are capitals by one of the last three, in any case: the first in the lowest bit. `None` if it
/// is no such character.
pub(crate) fn capitals(check: u8) -> Option<u8> {
    let position = CODES.iter().position(|code| code.eq_ignore_ascii_case(&check))?;
    u8::try_from(position).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_characters_encode_the_case_of_fifteen() {
        for id in ["0015000000Gv7qJAAR", "003000000000001AAA", "ZZZZZZZZZZZZZZZ555", "abcdeFGHIJ01KlMA5U"] {
            let (short, expected) = id.as_bytes().split_at(15);
            assert_eq!(check_characters(short.try_into().unwrap()), expected);
            for (five, check) in short.chunks(5).zip(expected) {
                for check in [check.to_ascii_lowercase(), check.to_ascii_uppercase()] {
                    let bits = capitals(check).unwrap();
                    let is_capital = |at: usize| bits >> at & 1 == 1;
                    assert!((0..5).all(|at| is_capital(at) == five[at].is_ascii_uppercase()), "{id}");
                }
            }
        }
        assert_eq!((capitals(b'6'), capitals(b'-')), (None, None));
    }
}
