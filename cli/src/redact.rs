//! Keeps passwords out of text that others wrote.
//!
//! Our own errors hold none ([`switchback_engines::DatabaseUrl`] sees to it).
//! But clap repeats arguments it does not understand, toml repeats values of the wrong
//! type, and an operator may put a URL where a file belongs: so everything that goes to the
//! terminal as an error passes through here.

/// What stands where something was hidden.
const HIDDEN: &str = "…";

/// `text` without the user and password of any URL in it, and without any
/// `password=`.
///
/// `arguments` are the words of the command line: they are looked for as they
/// are, since a password that was not percent-encoded may hold spaces and
/// quotes, and nothing in the text would tell where it ends.
pub(crate) fn redact(text: &str, arguments: &[String]) -> String {
    let mut text = text.to_owned();
    for argument in arguments {
        let bare = word(argument);
        if bare != *argument {
            text = text.replace(argument.as_str(), &bare);
        }
        // `--source=postgres://…`: clap repeats the value alone.
        if let Some((_, value)) = argument.split_once('=').filter(|_| argument.starts_with('-')) {
            let bare = word(value);
            if bare != value {
                text = text.replace(value, &bare);
            }
        }
    }
    let text: String = text.split_inclusive('\n').map(redact_line).collect();
    // In pieces that keep the white space that ends them, so that the text stays as it was.
    text.split_inclusive(char::is_whitespace).map(redact_piece).collect()
}

/// A line without what looks like user and password of a URL, white space in
/// the password or not: a config may hold such a URL where a name belongs, and
/// then no argument says where it ends. Better too much is hidden than too little.
fn redact_line(line: &str) -> String {
    let mut bare = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("://") {
        bare.push_str(before);
        bare.push_str("://");
        rest = after;
        let own = after.find("://").unwrap_or(after.len());
        let first_word = after.find(char::is_whitespace).unwrap_or(after.len()).min(own);
        let names_password = after[..first_word].contains(':');
        if let Some(at) = after[..own].rfind('@').filter(|&at| names_password && at > first_word) {
            bare.push_str(HIDDEN);
            rest = &after[at..];
        }
    }
    bare + rest
}

/// A whole argument, or a whole value of the config: whatever stands before its
/// last `@` may be a password, spaces and quotes included.
pub(crate) fn word(word: &str) -> String {
    let word = redact_piece(word);
    let after_scheme = word.find("://").map_or(0, |at| at + 3);
    match (word.rfind('@'), word.find(':')) {
        (Some(at), Some(colon)) if colon < at && at > after_scheme => {
            format!("{}{HIDDEN}{}", &word[..after_scheme], &word[at..])
        }
        _ => word,
    }
}

/// A stretch of text without white space in it.
fn redact_piece(piece: &str) -> String {
    let mut bare = piece.to_owned();
    if let (Some(colon), Some(at)) = (bare.find(':'), bare.rfind('@')) {
        // Without `//` it is no URL, and all the more somebody's attempt at one.
        let start = match bare.find("://") {
            Some(scheme) => scheme + 3,
            None => bare.find(|c| !matches!(c, '\'' | '"' | '`' | '(')).unwrap_or(0),
        };
        if colon < at && start < at {
            bare.replace_range(start..at, HIDDEN);
        }
    }
    // Drivers take passwords as parameters too.
    if let (Some(colon), Some(query)) = (bare.find(':'), bare.find('?'))
        && colon < query
    {
        hide_value(&mut bare, query + 1);
    }
    let lower = bare.to_ascii_lowercase();
    if let Some(start) = ["password=", "passwd=", "pwd="].iter().find_map(|name| Some(lower.find(name)? + name.len())) {
        hide_value(&mut bare, start);
    }
    bare
}

/// Hides from `start` to the quote, or the white space, that ends the value.
fn hide_value(text: &mut String, start: usize) {
    let len =
        text[start..].find(|c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '`')).unwrap_or(text.len() - start);
    if len > 0 {
        text.replace_range(start..start + len, HIDDEN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_lose_user_and_password() {
        let text = "unexpected argument 'postgres://ada:s3cret@db.example/shop' found";
        assert_eq!(redact(text, &[]), "unexpected argument 'postgres://…@db.example/shop' found");
    }

    #[test]
    fn a_password_with_spaces_is_found_by_the_argument() {
        let argument = "mysql://ada:s3 cr'et@x y@db.example/shop".to_owned();
        let text = format!("unexpected argument '{argument}' found");
        assert_eq!(redact(&text, &[argument]), "unexpected argument 'mysql://…@db.example/shop' found");
    }

    #[test]
    fn a_value_behind_an_equals_sign_is_found() {
        let arguments = ["--config=mysql://ada:s3 cret@h/x".to_owned()];
        assert_eq!(redact("cannot read mysql://ada:s3 cret@h/x", &arguments), "cannot read mysql://…@h/x");
    }

    #[test]
    fn a_password_with_spaces_is_hidden_wherever_its_url_comes_from() {
        let text = "the source has no table `postgres://ada:s3 cr@et@h:1/x`, which the settings name\nhint: a@b";
        assert_eq!(
            redact(text, &[]),
            "the source has no table `postgres://…@h:1/x`, which the settings name\nhint: a@b"
        );
        let two = "mysql://a:s3 cret@h/x and sqlite:postgres://b:s3 cret@h/y";
        assert_eq!(redact(two, &[]), "mysql://…@h/x and sqlite:postgres://…@h/y");
    }

    #[test]
    fn what_is_almost_a_url_is_hidden_too() {
        assert_eq!(redact("no 'ada:s3cret@h/x' here", &[]), "no '…@h/x' here");
        assert_eq!(word("postgres:ada:s3 cret@h/x"), "…@h/x");
    }

    #[test]
    fn parameters_lose_the_password() {
        assert_eq!(redact("at 'h/db?password=s3cret&a=1' now", &[]), "at 'h/db?password=…' now");
        assert_eq!(redact("at 'x://h/db?ssl=1&key=s3cret' now", &[]), "at 'x://h/db?…' now");
        assert_eq!(redact("host=h PASSWORD=s3cret", &[]), "host=h PASSWORD=…");
    }

    #[test]
    fn other_text_stays_as_it_is() {
        for text in [
            "error: cannot read `move.toml`\n  hint: a@b.example",
            "for 'ada'@'::1' (using password: YES)",
            "",
            "sqlite:a/b.db",
            "see https://example.org/x",
            "see https://example.org/x, or ask ada@example.org",
        ] {
            assert_eq!(redact(text, &["move.toml".to_owned(), "a=b".to_owned()]), text);
        }
    }
}
