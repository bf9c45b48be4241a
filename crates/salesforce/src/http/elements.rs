//! Reads a long list in a JSON answer, one element at a time, as it arrives.

/// The open brackets around an element: the answer's object, and the list.
const LIST_DEPTH: u32 = 2;

/// The most bytes that are kept of what is around the elements. Salesforce's own are some hundred.
const LONGEST_FRAME: usize = 64 * 1024;

/// Cuts `{"list": [{...}, {...}], ...}` into the elements of its list, and holds only the element that is arriving. Texts and
/// numbers in the list are read over.
///
/// It looks at brackets and quotes only; the reader of an element notices if the element is not JSON.
#[derive(Debug, Default)]
pub(super) struct Elements {
    /// The number of open brackets.
    depth: u32,
    in_text: bool,
    after_backslash: bool,
    /// The part of the current element that has arrived.
    element: Vec<u8>,
    /// What has arrived around the elements.
    frame: Vec<u8>,
    is_complete: bool,
}

impl Elements {
    /// Reads the next piece of the answer, and calls `found` with every element that it completes.
    pub(super) fn push(&mut self, piece: &[u8], mut found: impl FnMut(&[u8])) {
        let mut start = 0;
        for (position, &byte) in piece.iter().enumerate() {
            // Of the list itself the brackets alone: elements can be texts.
            let is_around =
                self.depth < LIST_DEPTH || self.depth == LIST_DEPTH && !self.in_text && matches!(byte, b']' | b'}');
            if is_around && self.frame.len() < LONGEST_FRAME {
                self.frame.push(byte);
            }
            if self.in_text {
                let ends = byte == b'"' && !self.after_backslash;
                self.after_backslash = byte == b'\\' && !self.after_backslash;
                self.in_text = !ends;
                continue;
            }
            match byte {
                b'"' => self.in_text = true,
                b'{' | b'[' => {
                    if self.depth == LIST_DEPTH {
                        start = position;
                    }
                    self.depth += 1;
                }
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.is_complete = self.depth == 0;
                    if self.depth == LIST_DEPTH {
                        self.element.extend_from_slice(&piece[start..=position]);
                        found(&self.element);
                        self.element.clear();
                    }
                }
                _ => {}
            }
        }
        if self.depth > LIST_DEPTH {
            self.element.extend_from_slice(&piece[start..]);
        }
    }

    /// The answer without what is in its lists and objects, as JSON.
    pub(super) fn into_frame(self) -> Vec<u8> {
        self.frame
    }

    /// The bytes held.
    pub(super) fn size(&self) -> usize {
        self.element.capacity() + self.frame.capacity()
    }

    /// Whether the answer is complete.
    pub(super) fn is_complete(&self) -> bool {
        self.is_complete
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// The elements of an answer that arrives in pieces of a size, and whether it is complete.
    fn cut(answer: &[u8], size: usize) -> (Vec<Value>, bool) {
        let mut elements = Elements::default();
        let mut found = Vec::new();
        for piece in answer.chunks(size) {
            elements.push(piece, |element| found.push(serde_json::from_slice(element).unwrap()));
        }
        (found, elements.is_complete())
    }

    #[test]
    fn an_element_may_contain_anything() {
        let list = json!([
            {"statusCode": 200, "result": {"name": "A", "fields": [{"label": "brackets }]{[ and a \" quote"}]}},
            {"statusCode": 404, "result": [{"message": "ends with a backslash \\"}]},
            {},
            {"label": "Ünïcödé"},
        ]);
        for answer in [
            json!({"hasErrors": true, "results": list}).to_string(),
            json!({"results": list, "hasErrors": true}).to_string(),
            serde_json::to_string_pretty(&json!({"results": list})).unwrap(),
        ] {
            let frame = |size| {
                let mut elements = Elements::default();
                answer.as_bytes().chunks(size).for_each(|piece| elements.push(piece, |_| {}));
                serde_json::from_slice::<Value>(&elements.into_frame()).unwrap()
            };
            for size in [1, 2, 3, 7, 64, answer.len()] {
                assert_eq!(frame(size)["results"], json!([]));
                assert_eq!(frame(size).get("hasErrors").is_some(), answer.contains("hasErrors"));
                let (found, is_complete) = cut(answer.as_bytes(), size);
                assert_eq!(Value::from(found), list, "{answer} in pieces of {size}");
                assert!(is_complete);
            }
        }
    }

    #[test]
    fn of_a_list_of_texts_nothing_is_held() {
        let ids: Vec<String> = (0..9_000).map(|number| format!("00100000{number}] }} \\\" [{{")).collect();
        for answer in
            [json!({"ids": ids, "latestDateCovered": "now"}), json!({"a": [1, null, 2.5], "ids": ids, "n": {"b": 1}})]
        {
            let mut expected = answer.clone();
            for (_, value) in expected.as_object_mut().unwrap() {
                match value {
                    Value::Array(list) => list.clear(),
                    Value::Object(object) => object.clear(),
                    _ => {}
                }
            }
            let mut elements = Elements::default();
            answer.to_string().as_bytes().chunks(1_000).for_each(|piece| elements.push(piece, |_| panic!("no object")));
            assert!(elements.is_complete() && elements.size() < 1_000);
            assert_eq!(serde_json::from_slice::<Value>(&elements.into_frame()).unwrap(), expected);
        }
    }

    /// Whoever holds pages in a budget counts it.
    #[test]
    fn what_is_held_is_counted_and_around_the_elements_it_has_a_limit() {
        let mut elements = Elements::default();
        elements.push(format!(r#"{{"records":[{{"a":"{}"#, "x".repeat(100_000)).as_bytes(), |_| {});
        assert!(elements.size() >= 100_000);
        let mut around = Elements::default();
        around.push(format!(r#"{{"a":"{}"#, "x".repeat(3 * LONGEST_FRAME)).as_bytes(), |_| {});
        assert!((LONGEST_FRAME..3 * LONGEST_FRAME).contains(&around.size()), "{}", around.size());
    }

    #[test]
    fn an_answer_that_ends_early_is_not_complete() {
        for (answer, elements) in [
            ("", 0),
            ("<html></html>", 0),
            (r#"{"results":[{"a":1},{"b":"#, 1),
            (r#"{"results":[{"a":1}]"#, 1),
            (r#"{"results":[{"a":"}]}"#, 0),
        ] {
            let (found, is_complete) = cut(answer.as_bytes(), 4);
            assert_eq!((found.len(), is_complete), (elements, false), "{answer}");
        }
        assert_eq!(cut(br#"{"results":[]}"#, 4), (Vec::new(), true));
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_cut(texts in proptest::collection::vec(any::<String>(), 0..6), size in 1_usize..40) {
            let list: Vec<Value> = texts.iter().map(|text| json!({"text": text, text: [text]})).collect();
            let answer = json!({"results": list}).to_string();
            prop_assert_eq!(cut(answer.as_bytes(), size), (list, true));
        }
    }
}
