//! Code points by class, and what character sets were made for.

/// One code point of a class.
pub(super) struct Point {
    pub(super) class: &'static str,
    pub(super) id: i64,
    pub(super) char: char,
}

pub(super) fn points() -> Vec<Point> {
    let of = |&(class, from, to, step): &Class| {
        let codes = (from..=to).step_by(step).filter_map(char::from_u32);
        codes.map(move |char| Point { class, id: i64::from(u32::from(char)), char })
    };
    CLASSES.iter().flat_map(of).collect()
}

/// A name, and the code points from, to, and how far apart.
pub(super) type Class = (&'static str, u32, u32, usize);

pub(super) const CLASSES: [Class; 26] = [
    // PostgreSQL has no NUL.
    (NUL, 0, 0, 1),
    ("ASCII", 1, 0x7F, 1),
    ("Latin-1", 0x80, 0xFF, 1),
    ("Latin Extended", 0x100, 0x17F, 1),
    ("combining", 0x300, 0x36F, 1),
    ("Greek", 0x386, 0x3CE, 1),
    ("Cyrillic", 0x401, 0x45F, 1),
    ("Armenian", 0x530, 0x58F, 1),
    ("Hebrew", 0x590, 0x5FF, 1),
    ("Arabic", 0x600, 0x6FF, 1),
    ("Thai", 0xE00, 0xE7F, 1),
    ("Georgian", 0x10A0, 0x10FF, 1),
    ("punctuation", 0x2000, 0x206F, 1),
    ("symbols", 0x2070, 0x22FF, 1),
    ("box drawing", 0x2500, 0x25FF, 1),
    ("kana", 0x3040, 0x30FF, 1),
    ("CJK", 0x4E00, 0x9FA5, 41),
    ("Hangul", 0xAC00, 0xD7A3, 37),
    ("private use", 0xE000, 0xF8FF, 211),
    ("compatibility", 0xF900, 0xFAFF, 7),
    ("kana half-width", 0xFF61, 0xFF9F, 1),
    ("full-width", 0xFF01, 0xFF5E, 1),
    ("emoji", 0x1F600, 0x1F64F, 1),
    ("CJK astral", 0x20000, 0x2A6DF, 2_111),
    ("private use astral", 0xF_0000, 0x10_FFFD, 20_011),
    ("not characters", 0xFFFE, 0xFFFF, 1),
];

const NUL: &str = "NUL";

/// Sets and what they were made for: of these classes they hold at least half.
pub(super) const MADE_FOR: [(&str, &[&str]); 20] = [
    ("latin1", &["Latin-1"]),
    ("latin2", &["Latin-1"]),
    ("latin7", &["ASCII"]),
    ("koi8r", &["ASCII"]),
    ("greek", &["Greek"]),
    ("cp1251", &["Cyrillic"]),
    ("hebrew", &["ASCII"]),
    ("tis620", &["Thai"]),
    ("armscii8", &["Armenian"]),
    ("geostd8", &["ASCII"]),
    ("ujis", &["kana", "kana half-width", "CJK"]),
    ("sjis", &["kana", "kana half-width", "full-width"]),
    ("cp932", &["kana", "kana half-width", "full-width"]),
    ("eucjpms", &["kana", "kana half-width", "CJK"]),
    ("euckr", &["Hangul", "kana"]),
    ("big5", &["CJK"]),
    ("gbk", &["CJK", "kana"]),
    ("gb2312", &["kana", "full-width"]),
    ("utf8mb3", &["CJK", "Hangul", "private use", "combining"]),
    ("ucs2", &["CJK", "Hangul", "private use", "combining"]),
];

/// Sets that hold all there is.
pub(super) const WHOLE: [&str; 5] = ["utf8mb4", "utf16", "utf16le", "utf32", "gb18030"];
