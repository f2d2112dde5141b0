//! Types that are known by their text: the server's own spelling of the binary
//! forms that it sends.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::bytes::{Fault, Fields};
use crate::value::Value;

const SHORT: Fault = "a value ends early";
const LONG: Fault = "a value goes on behind its end";

fn owned<'a>(text: String) -> Value<'a> {
    Value::Text(Cow::Owned(text))
}

/// Text up to a zero byte.
fn c_string<'a>(fields: &mut Fields<'a>) -> Result<&'a str, Fault> {
    let len = fields.rest().iter().position(|&b| b == 0).ok_or(SHORT)?;
    let text = fields.take(len).ok_or(SHORT)?;
    fields.u8();
    std::str::from_utf8(text).map_err(|_| "the text is not UTF-8")
}

/// `jsonpath`, `ltree` and their like: a version and the text.
pub(super) fn versioned_text(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    match bytes {
        [1, text @ ..] => std::str::from_utf8(text).map(|t| Value::Text(t.into())).map_err(|_| "the text is not UTF-8"),
        _ => Err("a value is of a form later than this tool"),
    }
}

/// `16/B374D848`.
pub(super) fn pg_lsn(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    let lsn = u64::from_be_bytes(bytes.try_into().map_err(|_| "a pg_lsn has not 8 bytes")?);
    Ok(owned(format!("{:X}/{:X}", lsn >> 32, lsn & 0xFFFF_FFFF)))
}

/// `(0,1)`.
pub(super) fn tid(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    let mut fields = Fields::new(bytes);
    let (block, item) = (|| Some((fields.i32()?, fields.u16()?)))().ok_or(SHORT)?;
    if fields.is_empty() { Ok(owned(format!("({},{item})", block.cast_unsigned()))) } else { Err(LONG) }
}

/// `10:20:10,14,15`.
pub(super) fn snapshot(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    let mut fields = Fields::new(bytes);
    let count = fields.i32().ok_or(SHORT)?;
    let mut id = || fields.i64().map(i64::cast_unsigned).ok_or(SHORT);
    let mut text = format!("{}:{}:", id()?, id()?);
    for i in 0..count {
        let _ = write!(text, "{}{}", if i == 0 { "" } else { "," }, id()?);
    }
    if fields.is_empty() { Ok(owned(text)) } else { Err(LONG) }
}

/// In single quotes, which are doubled within like backslashes.
fn put_lexeme(lexeme: &str, out: &mut String) {
    out.push('\'');
    for c in lexeme.chars() {
        if matches!(c, '\'' | '\\') {
            out.push(c);
        }
        out.push(c);
    }
    out.push('\'');
}

/// `'cat':3A 'fat':2,4`.
pub(super) fn tsvector(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    let mut fields = Fields::new(bytes);
    let count = fields.i32().ok_or(SHORT)?;
    let mut text = String::with_capacity(bytes.len());
    for i in 0..count {
        if i > 0 {
            text.push(' ');
        }
        put_lexeme(c_string(&mut fields)?, &mut text);
        for place in 0..fields.u16().ok_or(SHORT)? {
            // The weight is in the highest two bits.
            let packed = fields.u16().ok_or(SHORT)?;
            let weight = ["", "C", "B", "A"].get(usize::from(packed >> 14)).copied().unwrap_or_default();
            let _ = write!(text, "{}{}{weight}", if place == 0 { ':' } else { ',' }, packed & 0x3FFF);
        }
    }
    if fields.is_empty() { Ok(owned(text)) } else { Err(LONG) }
}

/// A part of a query, and how tightly its outermost operator binds.
struct Operand {
    text: String,
    priority: u8,
    is_phrase: bool,
}

const OR: u8 = 1;
const AND: u8 = 2;
const PHRASE: u8 = 3;
const NOT: u8 = 4;
const LEXEME: u8 = 5;

/// `'fat' & ( 'rat' | !'cat':*A )`.
///
/// The server sends each operator before its operands, the right one first. Read
/// from the end that is a stack machine, and no query is too deep for it.
pub(super) fn tsquery(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    const TORN: Fault = "a tsquery has not as many operands as its operators take";
    let mut fields = Fields::new(bytes);
    let count = fields.i32().ok_or(SHORT)?;
    let mut items = Vec::new();
    for _ in 0..count {
        items.push(item(&mut fields)?);
    }
    if !fields.is_empty() {
        return Err(LONG);
    }
    let mut stack: Vec<Operand> = Vec::new();
    for item in items.into_iter().rev() {
        let operand = match item {
            Item::Lexeme(text) => Operand { text, priority: LEXEME, is_phrase: false },
            Item::Not => {
                let operand = stack.pop().ok_or(TORN)?;
                let text = format!("!{}", within(NOT, false, operand));
                Operand { text, priority: NOT, is_phrase: false }
            }
            Item::Binary { priority, symbol } => {
                let (right, left) = (stack.pop().ok_or(TORN)?, stack.pop().ok_or(TORN)?);
                let is_phrase = priority == PHRASE;
                // Onto the left one, as most queries grow to the right.
                let mut text = within(priority, false, left);
                let _ = write!(text, " {symbol} {}", within(priority, is_phrase, right));
                Operand { text, priority, is_phrase }
            }
        };
        stack.push(operand);
    }
    match (stack.pop(), stack.pop()) {
        (None, _) => Ok(owned(String::new())),
        (Some(whole), None) => Ok(owned(whole.text)),
        (Some(_), Some(_)) => Err(TORN),
    }
}

/// The operand as it stands under an operator of `priority`.
fn within(priority: u8, right_of_phrase: bool, operand: Operand) -> String {
    if operand.priority < priority || (right_of_phrase && operand.is_phrase) {
        format!("( {} )", operand.text)
    } else {
        operand.text
    }
}

enum Item {
    Lexeme(String),
    Not,
    Binary { priority: u8, symbol: Cow<'static, str> },
}

fn item(fields: &mut Fields<'_>) -> Result<Item, Fault> {
    match fields.u8().ok_or(SHORT)? {
        1 => {
            let (weights, prefix) = (|| Some((fields.u8()?, fields.u8()?)))().ok_or(SHORT)?;
            let mut text = String::new();
            put_lexeme(c_string(fields)?, &mut text);
            if prefix != 0 || weights != 0 {
                text.push(':');
            }
            if prefix != 0 {
                text.push('*');
            }
            let letters = [(8, 'A'), (4, 'B'), (2, 'C'), (1, 'D')];
            text.extend(letters.iter().filter(|(bit, _)| weights & bit != 0).map(|(_, letter)| letter));
            Ok(Item::Lexeme(text))
        }
        2 => Ok(match fields.u8().ok_or(SHORT)? {
            1 => Item::Not,
            2 => Item::Binary { priority: AND, symbol: "&".into() },
            3 => Item::Binary { priority: OR, symbol: "|".into() },
            4 => {
                let symbol = match fields.u16().ok_or(SHORT)? {
                    1 => "<->".into(),
                    distance => format!("<{distance}>").into(),
                };
                Item::Binary { priority: PHRASE, symbol }
            }
            _ => return Err("a tsquery has an operator that is not known"),
        }),
        _ => Err("a tsquery has an item that is not known"),
    }
}
