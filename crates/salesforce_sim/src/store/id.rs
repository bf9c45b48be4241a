//! Record ids: 15 case-sensitive characters, or 18 with a suffix that restores their case.

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const SUFFIX: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// The characters that name the instance in a real id. They make ids of this org easy to recognise.
const INSTANCE: &str = "Sim0";

/// The 18-character id of a record, by the prefix of its object and its number from 0.
pub(crate) fn format(prefix: &str, number: usize) -> String {
    let mut short = format!("{prefix}{INSTANCE}00000000").into_bytes();
    let mut rest = number + 1;
    for digit in short.iter_mut().rev().take(8) {
        *digit = DIGITS[rest % 62];
        rest /= 62;
    }
    short.extend(suffix(&short));
    String::from_utf8(short).unwrap_or_default()
}

/// One character for each five of the id, with a bit for each upper-case letter.
fn suffix(short: &[u8]) -> [u8; 3] {
    let mut suffix = [b'A'; 3];
    for (part, letter) in short.chunks(5).zip(&mut suffix) {
        let bits =
            part.iter().enumerate().fold(0, |bits, (at, byte)| bits | (usize::from(byte.is_ascii_uppercase()) << at));
        *letter = SUFFIX[bits];
    }
    suffix
}

/// The 15 characters of an id; `None` if the text does not have the form of an id. The suffix of 18 characters restores
/// a lost case.
pub(crate) fn normalize(text: &str) -> Option<String> {
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    match text.len() {
        15 => Some(text.to_owned()),
        18 => {
            let (short, check) = text.split_at(15);
            let mut restored = short.to_ascii_lowercase().into_bytes();
            for (part, letter) in restored.chunks_mut(5).zip(check.to_ascii_uppercase().bytes()) {
                let bits = SUFFIX.iter().position(|known| *known == letter)?;
                part.iter_mut().enumerate().filter(|(at, _)| bits >> at & 1 == 1).for_each(|(_, byte)| {
                    byte.make_ascii_uppercase();
                });
            }
            (suffix(&restored) == check.to_ascii_uppercase().as_bytes()).then(|| String::from_utf8(restored).ok())?
        }
        _ => None,
    }
}

/// The number in a normalized id; `None` if the id is not of this org.
pub(crate) fn number(normalized: &str) -> Option<usize> {
    let digits = normalized.get(3..)?.strip_prefix(INSTANCE)?;
    let number = digits.bytes().try_fold(0_usize, |number, byte| {
        let digit = DIGITS.iter().position(|known| *known == byte)?;
        number.checked_mul(62)?.checked_add(digit)
    })?;
    number.checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_a_number_and_a_suffix() {
        for (prefix, record, text) in
            [("001", 0, "001Sim000000001"), ("001", 9, "001Sim00000000A"), ("a0B", 61, "a0BSim000000010")]
        {
            let id = format(prefix, record);
            assert_eq!((&id[..15], id.len()), (text, 18));
            assert_eq!(number(&normalize(&id).unwrap()), Some(record));
        }
        // Upper-case letters at 3 of the first five characters, and at 14 of the last five.
        assert_eq!(format("001", 9), "001Sim00000000AIAQ");
    }

    #[test]
    fn eighteen_characters_survive_a_change_of_case() {
        let id = format("00Q", 123_456);
        let short = normalize(&id).unwrap();
        assert_eq!(short, id[..15]);
        assert_eq!(normalize(&id.to_lowercase()), Some(short.clone()));
        assert_eq!(normalize(&id.to_uppercase()), Some(short.clone()));
        assert_eq!(normalize(&short), Some(short));
    }

    #[test]
    fn texts_that_are_not_ids_are_refused() {
        for text in ["", "001", "001Sim00000000", "001Sim0000000001", "001Sim000000001AA!", "äöü"] {
            assert_eq!(normalize(text), None, "{text}");
        }
    }
}
