//! Documents from what they mean: each is spelled in many ways, and the ways
//! must all have one canonical form and share it with no other document.

use std::collections::BTreeMap;

use proptest::prelude::*;
use switchback_engines::canon::json::canonicalize;

/// What a document means.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Document {
    Null,
    Bool(bool),
    /// `coefficient × 10^power`, the last digit of the coefficient not 0.
    Number(i64, i16),
    Text(String),
    List(Vec<Document>),
    Object(BTreeMap<String, Document>),
}

fn number((coefficient, power): (i64, i16)) -> Document {
    let (mut coefficient, mut power) = (coefficient, power);
    while coefficient != 0 && coefficient % 10 == 0 {
        (coefficient, power) = (coefficient / 10, power + 1);
    }
    Document::Number(coefficient, if coefficient == 0 { 0 } else { power })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "",
            "a",
            "A",
            "é",
            "e\u{301}",
            "\"",
            "\\",
            "/",
            "\n",
            "\u{1F600}",
            "\0",
            "null",
            "1",
            "a\\u0062"
        ])
        .prop_map(str::to_owned),
        ".{0,6}",
    ]
}

fn document() -> impl Strategy<Value = Document> {
    let leaf = prop_oneof![
        Just(Document::Null),
        any::<bool>().prop_map(Document::Bool),
        prop_oneof![(-30i64..30, -3i16..4), (any::<i64>(), -300i16..300)].prop_map(number),
        text().prop_map(Document::Text),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Document::List),
            prop::collection::btree_map(text(), inner, 0..4).prop_map(Document::Object),
        ]
    })
}

/// Chooses a spelling by taking numbers off a list, over and over.
struct Speller<'a> {
    choices: &'a [u8],
    at: usize,
}

impl Speller<'_> {
    fn choose(&mut self, among: u8) -> u8 {
        self.at += 1;
        self.choices[self.at % self.choices.len()] % among
    }

    fn space(&mut self, out: &mut String) {
        out.push_str(["", "", " ", "\n\t", "\r\n  "][usize::from(self.choose(5))]);
    }

    fn text(&mut self, text: &str, out: &mut String) {
        out.push('"');
        for c in text.chars() {
            let must = matches!(c, '"' | '\\' | '\0'..='\u{1F}');
            match (self.choose(3), c) {
                (0, '/') => out.push_str("\\/"),
                (0, '\n') => out.push_str("\\n"),
                (0, '"' | '\\') => out.extend(['\\', c]),
                (1, _) => self.escape(c, out),
                _ if must => self.escape(c, out),
                _ => out.push(c),
            }
        }
        out.push('"');
    }

    fn escape(&mut self, c: char, out: &mut String) {
        for unit in c.encode_utf16(&mut [0; 2]) {
            let hex = format!("{unit:04x}");
            out.push_str("\\u");
            out.push_str(&if self.choose(2) == 0 { hex } else { hex.to_uppercase() });
        }
    }

    /// As a plain number or with any exponent, and zeros that add nothing.
    fn number(&mut self, coefficient: i64, power: i16, out: &mut String) {
        let zeros = "0".repeat(usize::from(self.choose(4)));
        if coefficient == 0 {
            out.push_str(["0", "-0", "0.0", "0e7", "-0.00E-3"][usize::from(self.choose(5))]);
            return;
        }
        let e = ["e", "E"][usize::from(self.choose(2))];
        match self.choose(3) {
            0 if (0..6).contains(&power) => {
                out.push_str(&format!("{coefficient}{}", "0".repeat(usize::try_from(power).unwrap())));
            }
            1 => out.push_str(&format!("{coefficient}.0{zeros}{e}{power}")),
            _ => {
                // One digit before the point.
                let digits = coefficient.unsigned_abs().to_string();
                let (first, rest) = digits.split_at(1);
                let shifted = i64::from(power) + i64::try_from(rest.len()).unwrap();
                let sign = if coefficient < 0 { "-" } else { "" };
                let plus = if shifted >= 0 && self.choose(2) == 0 { "+" } else { "" };
                out.push_str(&format!("{sign}{first}.{rest}0{zeros}{e}{plus}{shifted}"));
            }
        }
    }

    fn document(&mut self, document: &Document, out: &mut String) {
        self.space(out);
        match document {
            Document::Null => out.push_str("null"),
            Document::Bool(v) => out.push_str(if *v { "true" } else { "false" }),
            Document::Number(coefficient, power) => self.number(*coefficient, *power, out),
            Document::Text(v) => self.text(v, out),
            Document::List(items) => {
                out.push('[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    self.document(item, out);
                }
                out.push(']');
            }
            Document::Object(members) => self.object(members, out),
        }
        self.space(out);
    }

    /// In any order, and now and then with a member before it that doesn't count
    /// because its key comes again.
    fn object(&mut self, members: &BTreeMap<String, Document>, out: &mut String) {
        let mut order: Vec<_> = members.iter().collect();
        let turns = usize::from(self.choose(4));
        let len = order.len().max(1);
        order.rotate_left(turns % len);
        if self.choose(2) == 0 {
            order.reverse();
        }
        out.push('{');
        for (i, (key, value)) in order.into_iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            if self.choose(5) == 0 {
                self.text(key, out);
                out.push_str(":[\"ignored\"],");
            }
            self.space(out);
            self.text(key, out);
            self.space(out);
            out.push(':');
            self.document(value, out);
        }
        out.push('}');
    }
}

fn canonical(document: &Document, choices: &[u8]) -> Vec<u8> {
    let mut spelling = String::new();
    Speller { choices, at: 0 }.document(document, &mut spelling);
    let mut out = Vec::new();
    canonicalize(&spelling, &mut out).unwrap_or_else(|_| panic!("{spelling} is no JSON"));
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn documents_are_equal_if_and_only_if_they_mean_the_same(
        documents in prop::collection::vec(document(), 1..8),
        one in prop::collection::vec(any::<u8>(), 1..40),
        other in prop::collection::vec(any::<u8>(), 1..40),
    ) {
        for (i, a) in documents.iter().enumerate() {
            let spelled = canonical(a, &one);
            for b in &documents[i..] {
                prop_assert_eq!(spelled == canonical(b, &other), a == b, "{:?} and {:?}", a, b);
            }
        }
    }

    /// A canonical form is a document again, and its own.
    #[test]
    fn canonical_forms_stay_as_they_are(document in document(), choices in prop::collection::vec(any::<u8>(), 1..40)) {
        let once = canonical(&document, &choices);
        let text = String::from_utf8(once.clone()).unwrap();
        let mut twice = Vec::new();
        canonicalize(&text, &mut twice).unwrap();
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn any_text_is_a_document_or_none(text in r#"[\[\]{}:,"\\u0-9eE+.a-fntrls -]{0,40}"#) {
        let _ = canonicalize(&text, &mut Vec::new());
    }
}
