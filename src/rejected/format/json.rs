//! JSON text on one line.

use serde_json::value::RawValue;

/// Appends an object.
pub(in crate::rejected) fn object(data: &[(String, Box<RawValue>)], out: &mut Vec<u8>) {
    out.push(b'{');
    for (index, (name, data)) in data.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        string(name, out);
        out.push(b':');
        value(data, out);
    }
    out.push(b'}');
}

/// Appends a text as a JSON string.
pub(in crate::rejected) fn string(text: &str, out: &mut Vec<u8>) {
    // Writing a string into memory cannot fail.
    let _ = serde_json::to_writer(out, text);
}

/// Appends a value. A line break in JSON text can only stand between tokens, where a space means the same.
pub(in crate::rejected) fn value(value: &RawValue, out: &mut Vec<u8>) {
    out.extend(value.get().bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }));
}
