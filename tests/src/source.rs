//! Rust source as text: enough of a reader for the tests that look at the code itself.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// A source file of which only code is left: comments, and what is inside of strings and
/// characters, are blank; the modules behind `#[cfg(test)]` are gone, so the numbers of lines are
/// right up to the first of them.
#[derive(Clone, Debug)]
pub struct Source {
    /// Where it is, relative to the root of the workspace.
    pub path: PathBuf,
    /// What is left of it.
    pub code: String,
    /// The same with its strings and characters.
    pub with_strings: String,
    /// How many lines the file has without its test modules.
    pub lines: usize,
}

/// A function: its name, the number of its first line, and how many lines it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// The line of its `fn`, from 1.
    pub line: usize,
    /// How many lines from `fn` to its closing brace.
    pub lines: usize,
    /// Does it bear `#[test]`?
    pub is_test: bool,
}

/// The folder of the workspace.
///
/// As cargo says when it runs a test or a task; what was said at compile time is wrong once a tree
/// with its build folder has been moved.
#[must_use]
pub fn root() -> PathBuf {
    let tests = std::env::var_os("CARGO_MANIFEST_DIR");
    let tests = tests.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    tests.parent().map(Path::to_owned).unwrap_or(tests)
}

/// All Rust files below a folder of the workspace, in the order of their paths; none if there is no
/// such folder.
///
/// # Errors
/// A file can't be read.
pub fn read_all(folder: &str) -> io::Result<Vec<Source>> {
    let root = root();
    let mut sources = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        if !folder.is_dir() {
            continue;
        }
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path)?;
                let path = path.strip_prefix(&root).unwrap_or(&path).to_owned();
                sources.push(Source::new(path, &text));
            }
        }
    }
    sources.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(sources)
}

impl Source {
    /// The source file at `path` with this text.
    #[must_use]
    pub fn new(path: PathBuf, text: &str) -> Self {
        let code = blanked(text, Blank::CommentsAndStrings);
        let tests = test_modules(&code);
        let with_strings = blanked(text, Blank::Comments);
        let code = without(&code, &tests);
        Self {
            path,
            lines: code.lines().count(),
            with_strings: without(&with_strings, &tests),
            code,
        }
    }

    /// Its functions, nested ones too.
    #[must_use]
    pub fn functions(&self) -> Vec<Function> {
        words(&self.code)
            .filter(|(_, word)| *word == "fn")
            .filter_map(|(place, _)| function(&self.code, place))
            .collect()
    }

    /// The line of a place in the code, from 1.
    #[must_use]
    pub fn line(&self, place: usize) -> usize {
        line(&self.code, place)
    }

    /// The places of a word that stands alone: `unsafe` is not found in `unsafe_code`.
    pub fn places<'a>(&'a self, word: &'a str) -> impl Iterator<Item = usize> + 'a {
        words(&self.code)
            .filter(move |(_, found)| *found == word)
            .map(|(place, _)| place)
    }
}

fn line(code: &str, place: usize) -> usize {
    code[..place].matches('\n').count() + 1
}

/// The identifiers and keywords of the code, with their places.
pub fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = 0;
    std::iter::from_fn(move || {
        let start = rest + code[rest..].find(is_word)?;
        let length = code[start..].find(|character| !is_word(character));
        let end = length.map_or(code.len(), |length| start + length);
        rest = end;
        Some((start, &code[start..end]))
    })
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// The function whose `fn` is at `place`; `None` for one without a body and for `fn(..)` types.
fn function(code: &str, place: usize) -> Option<Function> {
    let head = &code[place + "fn".len()..];
    let (offset, name) = words(head).next()?;
    if !head[..offset].trim().is_empty() {
        return None;
    }
    let body = body_or_end(head)?;
    if head[body..].starts_with(';') {
        return None;
    }
    let end = closing(head, body)?;
    Some(Function {
        name: name.to_owned(),
        line: line(code, place),
        lines: line(head, end) - line(head, 0) + 1,
        is_test: attributes(&code[..place]).contains("#[test]"),
    })
}

/// What stands between the item before and the end of `code`: attributes and `pub`.
fn attributes(code: &str) -> &str {
    let start = code.rfind(['{', '}', ';']).map_or(0, |place| place + 1);
    &code[start..]
}

/// The place of the brace or semicolon that ends the head of an item. That of an array's type, as in
/// `[u8; 4]`, does not.
fn body_or_end(head: &str) -> Option<usize> {
    let mut depth = 0_i32;
    head.bytes().position(|byte| {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            b'{' | b';' => return depth == 0,
            _ => {}
        }
        false
    })
}

/// The place of the brace that closes the one at `open`.
#[must_use]
pub fn closing(code: &str, open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (offset, byte) in code[open..].bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return Some(open + offset);
        }
    }
    None
}

/// Where the things behind `#[cfg(test)]` are: the braces of a module, or up to a semicolon.
fn test_modules(code: &str) -> Vec<Range<usize>> {
    const MARK: &str = "#[cfg(test)]";
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = code[from..].find(MARK).map(|place| from + place) {
        let behind = start + MARK.len();
        let end = body_or_end(&code[behind..]).and_then(|place| {
            let place = behind + place;
            if code[place..].starts_with('{') {
                closing(code, place)
            } else {
                Some(place)
            }
        });
        from = end.map_or(code.len(), |end| end + 1);
        found.push(start..from);
    }
    found
}

/// The text without these ranges of it.
fn without(text: &str, ranges: &[Range<usize>]) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut from = 0;
    for range in ranges {
        kept.push_str(&text[from..range.start]);
        from = range.end;
    }
    kept.push_str(&text[from..]);
    kept
}

/// What is made blank.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Blank {
    Comments,
    CommentsAndStrings,
}

/// The text with the same number of bytes, with blanks for what is not wanted.
fn blanked(text: &str, what: Blank) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let comment = comment(rest);
        let length = if comment > 0 {
            comment
        } else {
            string(&code, rest)
        };
        let (piece, behind) = rest.split_at(length.max(first.len_utf8()));
        let kept = length == 0 || (comment == 0 && what == Blank::Comments);
        if kept {
            code.push_str(piece);
        } else {
            blank(&mut code, piece);
        }
        rest = behind;
    }
    code
}

/// The length of the comment that begins here, or 0.
fn comment(text: &str) -> usize {
    if text.starts_with("//") {
        text.find('\n').unwrap_or(text.len())
    } else if text.starts_with("/*") {
        block_comment(text)
    } else {
        0
    }
}

/// The length of the string or character that begins here, or 0; `code` is what stands before it.
fn string(code: &str, text: &str) -> usize {
    match text.as_bytes().first() {
        Some(b'"') => quoted(text),
        Some(b'\'') => character(text),
        Some(b'r') => raw_start(code, text).map_or(0, |hashes| raw_string(text, hashes)),
        Some(_) | None => 0,
    }
}

/// Line ends stay, so that lines keep their numbers; all else becomes a blank.
fn blank(code: &mut String, text: &str) {
    code.extend(
        text.chars()
            .map(|found| if found == '\n' { '\n' } else { ' ' }),
    );
}

/// The length of a block comment; they nest.
fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut place = 0;
    while place < text.len() {
        let rest = &text.as_bytes()[place..];
        if rest.starts_with(b"/*") {
            depth += 1;
            place += 2;
        } else if rest.starts_with(b"*/") {
            depth -= 1;
            place += 2;
            if depth == 0 {
                return place;
            }
        } else {
            place += 1;
        }
    }
    text.len()
}

/// The length of a string, quotes included.
fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (place, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return place + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of a character; 0 for the name of a lifetime.
fn character(text: &str) -> usize {
    let mut inside = text[1..].char_indices();
    match inside.next() {
        // The character behind the backslash may itself be a quote.
        Some((_, '\\')) => {
            let behind = 3.min(text.len());
            text[behind..].find('\'').map_or(0, |end| behind + end + 1)
        }
        Some(_) => match inside.next() {
            Some((place, '\'')) => place + 2,
            Some(_) | None => 0,
        },
        None => 0,
    }
}

/// How many `#` a raw string that begins here has; `None` if none begins. `code` is what stands
/// before it: an `r` that ends a word begins nothing, but that of `br"` does.
fn raw_start(code: &str, text: &str) -> Option<usize> {
    let before = code.strip_suffix('b').unwrap_or(code);
    if before.chars().next_back().is_some_and(is_word) {
        return None;
    }
    let behind = text.strip_prefix('r')?;
    let quote = behind.trim_start_matches('#');
    quote.starts_with('"').then_some(behind.len() - quote.len())
}

/// The length of a raw string with so many `#`.
fn raw_string(text: &str, hashes: usize) -> usize {
    let end = format!("\"{}", "#".repeat(hashes));
    let open = 1 + hashes + 1;
    text[open..]
        .find(&end)
        .map_or(text.len(), |place| open + place + end.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source::new(PathBuf::new(), text)
    }

    #[test]
    fn only_code_is_left() {
        let text = r##"a // std::x
            /* std:: /* nested */ std:: */ b "std:: \" std::" c '"' d '\'' e
            r#"std:: " std::"# f &'a str b"std::" br"\" g"##;
        let code = source(text).code;
        let found: Vec<&str> = words(&code).map(|(_, word)| word).collect();
        assert_eq!(
            found,
            ["a", "b", "c", "d", "e", "f", "a", "str", "b", "b", "g"]
        );
        assert_eq!(code.lines().count(), 3);
        assert_eq!(code.len(), text.len());
    }

    #[test]
    fn test_modules_are_dropped_and_what_follows_stays() {
        let code =
            source("a\n#[cfg(test)]\nmod tests { fn x() {} }\nb\n#[cfg(test)]\nmod y;\nc").code;
        let found: Vec<&str> = words(&code).map(|(_, word)| word).collect();
        assert_eq!(found, ["a", "b", "c"]);
    }

    #[test]
    fn functions_are_measured_from_fn_to_brace() {
        let source =
            source("trait T { fn none(); }\nfn some(f: fn(u8), g: [u8; 2]) {\n  if a { b }\n}\n");
        let some = Function {
            name: "some".to_owned(),
            line: 2,
            lines: 3,
            is_test: false,
        };
        assert_eq!(source.functions(), [some]);
    }
}
