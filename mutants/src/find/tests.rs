use std::collections::BTreeSet;

use super::*;

/// The mutants of a text, without the parts that are the same everywhere.
fn mutants(text: &str) -> Vec<String> {
    let tree = syn::parse_file(text).unwrap();
    let mut constants = Constants::default();
    constants.add("a.rs", &tree);
    let mut found = Found::default();
    find("a.rs", text, &tree, &constants, &mut found);
    found.mutants.into_iter().map(|mutant| mutant.what).collect()
}

fn assert_mutants(text: &str, expected: &[&str]) {
    let found = mutants(text);
    let found: BTreeSet<&str> = found.iter().map(String::as_str).collect();
    assert_eq!(found, expected.iter().copied().collect(), "{text}");
}

#[test]
fn each_kind_of_code_has_its_mutants() {
    for (text, expected) in [
        ("fn f() -> bool { g() }", &["returns `true`", "returns `false`"][..]),
        (
            "fn f() -> Result<Option<u8>, E> { g() }",
            &["returns `Ok(None)`", "returns `Ok(Some(0))`", "returns `Ok(Some(1))`"],
        ),
        ("fn f(self) -> Self { g(self) }", &["returns `self`"]),
        ("fn f() -> T { a + b }", &["`a + b` -> `a - b`"]),
        ("fn f() -> T { a < b }", &["`a < b` -> `a <= b`", "`a < b` -> `a >= b`"]),
        // True and false take the place of the opposite.
        (
            "fn f() -> T { if a < b { c } else { d } }",
            &["`a < b` -> `true`", "`a < b` -> `false`", "`a < b` -> `a <= b`"],
        ),
        ("fn f() -> T { a && (b || !c) }", &["`a` -> `true`", "`b` -> `false`", "`!c` -> `false`"]),
        ("fn f() -> T { if let A = b && c { d } else { e } }", &["never `if let A = b && c`", "`c` -> `true`"]),
        ("fn f() -> T { a(b); c = d; e }", &["without `a(b);`", "without `c = d;`"]),
        ("fn f() -> T { let A = b else { return c; }; d }", &[]),
        (
            "fn f() -> T { match a { B => c, D if e => f, _ => g } }",
            &["without the arm `B`", "`e` -> `true`", "`e` -> `false`"],
        ),
        ("fn f() -> T { match a { B => c, D => f } }", &[]),
        (
            "fn f() -> T { matches!(a, B | C if d) }",
            &[
                "`matches!(a, B | C if d)` -> `matches!(a, C if d)`",
                "`matches!(a, B | C if d)` -> `matches!(a, B if d)`",
                "`matches!(a, B | C if d)` -> `matches!(a, B | C if true)`",
            ],
        ),
        ("fn f() -> T { a.filter(|b| b.c) }", &["`b.c` -> `true`", "`b.c` -> `false`"]),
        ("fn f() -> T { a.min(b) }", &["`a.min(b)` -> `a.max(b)`"]),
        ("fn f() -> T { Some(a) }", &["`Some(a)` -> `None`"]),
        (
            "fn f() -> T { g(0u8, 7, 'x', b'~', \"ab\", \"a b c\", true) }",
            &[
                "`0u8` -> `1u8`",
                "`7` -> `(7 + 1)`",
                "`'x'` -> `'~'`",
                "`b'~'` -> `b'!'`",
                "`\"ab\"` -> `\"mutated\"`",
                "`true` -> `false`",
            ],
        ),
    ] {
        assert_mutants(text, expected);
    }
}

#[test]
fn a_constant_is_changed_at_all_uses_at_once() {
    let text = "const A: usize = 3; const B: T = 4; fn f() -> T { g(A, B) } fn h() -> T { g(A, A) }";
    assert_mutants(text, &["constant `A` -> `A.wrapping_mul(2).wrapping_add(1)`", "constant `A` -> `A / 2`"]);
    assert_eq!(mutants(text).len(), 2);
}

#[test]
fn tests_constants_patterns_types_and_macros_are_left_alone() {
    let text = r#"
        #[cfg(test)] mod tests { fn f() -> bool { 1 < 2 } }
        #[test] fn t() { f(1); }
        #[tokio::test] async fn u() { f(1); }
        const A: T = 1 + 2;
        static B: T = [0; 3];
        const fn c() -> usize { 1 + 2 }
        enum E { F = 1 }
        macro_rules! m { () => { 1 + 2 } }
        impl Debug for E { fn fmt(&self) -> bool { 1 < 2 } }
        fn f(x: [u8; 3]) -> T { match x { [1, 2..=3, _] => m!(4, 5), _ if let 6 = y => [z; 7], g => h::<8>() } }
        fn i() -> T { j.expect("k") }
    "#;
    assert_mutants(text, &["without the arm `[1, 2..=3, _]`"]);
}
