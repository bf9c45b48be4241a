//! Words of several scripts, and text as a JSON string.

use std::fmt::Write;

use crate::random::Random;

/// How letters beyond ASCII are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Letters {
    /// As they are.
    Plain,
    /// As JSON escapes, which some sources do.
    Escaped,
}

pub(crate) const FIRST_NAMES: [&str; 24] = [
    "Anna",
    "Jonas",
    "Miriam",
    "Luca",
    "Sofía",
    "Renée",
    "Jürgen",
    "Zoë",
    "Łukasz",
    "Ingrid",
    "Ewa",
    "Noah",
    "Ольга",
    "Дмитрий",
    "Ελένη",
    "Νίκος",
    "美咲",
    "健",
    "서연",
    "लीला",
    "نور",
    "Marta",
    "Paul",
    "Iris",
];
pub(crate) const LAST_NAMES: [&str; 24] = [
    "Example",
    "Sample",
    "Specimen",
    "Muster",
    "Beispiel",
    "Ejemplo",
    "Exemple",
    "Esempio",
    "Przykład",
    "O'Sample",
    "van der Test",
    "Müller-Muster",
    "Образец",
    "Примерова",
    "Παράδειγμα",
    "見本",
    "例示",
    "예시",
    "उदाहरण",
    "مثال",
    "Placeholder",
    "Nobody",
    "Anyone",
    "Somebody",
];
pub(crate) const TITLES: [&str; 10] = [
    "Head of Purchasing",
    "Buyer",
    "Managing Director",
    "Engineer, Production",
    "VP Sales",
    "Leiter Einkauf",
    "Directrice générale",
    "Owner",
    "Warehouse \"night shift\" lead",
    "Бухгалтер",
];
pub(crate) const CITIES: [&str; 14] = [
    "Exampleton",
    "Sampleville",
    "Musterstadt",
    "Saint-Exemple",
    "Villa Ejemplo",
    "Образцово",
    "見本市",
    "Παραδειγματούπολη",
    "Nowhere",
    "Testford",
    "Przykładowo",
    "예시시",
    "Anytown",
    "Port Specimen",
];
pub(crate) const STREETS: [&str; 8] = [
    "Sample Street",
    "Musterweg",
    "rue de l'Exemple",
    "Calle Ejemplo",
    "Образцовая улица",
    "Test Avenue",
    "見本通り",
    "Specimen Road",
];
pub(crate) const SOURCES: [&str; 4] = ["Web", "Phone Inquiry", "Other", "Web"];
const WORDS: [&str; 48] = [
    "asked",
    "for",
    "the",
    "new",
    "price",
    "list",
    "and",
    "wants",
    "a",
    "call",
    "back",
    "in",
    "spring",
    "before",
    "they",
    "order",
    "again",
    "prefers",
    "email",
    "to",
    "phone",
    "met",
    "at",
    "trade",
    "fair",
    "interested",
    "only",
    "small",
    "quantities",
    "delivery",
    "by",
    "rail",
    "Rückruf",
    "vereinbart",
    "nächste",
    "Woche",
    "déjà",
    "client",
    "depuis",
    "перезвонить",
    "весной",
    "после",
    "выставки",
    "春に",
    "電話",
    "ください",
    "τηλεφώνημα",
    "αύριο",
];

/// Appends a remark of about `characters` bytes, as people type it: lines, quotations, commas.
pub(crate) fn remark(out: &mut String, characters: usize, random: &mut Random) {
    let start = out.len();
    while out.len() - start < characters {
        match random.below(40) {
            0 => out.push('\n'),
            1 | 2 => out.push_str(", "),
            3 => {
                let _ = write!(out, "\"{} {}\" ", random.pick(&WORDS), random.pick(&WORDS));
            }
            4 => {
                let _ = write!(out, "{}. ", random.below(10_000));
            }
            5 if random.chance(10) => out.push_str("\r\n"),
            6 if random.chance(10) => out.push_str("\t\\ "),
            7 if random.chance(10) => out.push_str("🙂 "),
            _ => {
                out.push_str(random.pick(&WORDS));
                out.push(' ');
            }
        }
    }
    // Some orgs and tools trim text, so it does not end with a space.
    out.truncate(start + out[start..].trim_end().len());
}

/// Appends text as a JSON string.
pub(crate) fn string(out: &mut Vec<u8>, text: &str, letters: Letters) {
    out.push(b'"');
    for character in text.chars() {
        match character {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            ' '..='~' => out.push(character as u8),
            _ if letters == Letters::Escaped => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
                }
            }
            _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}
