//! Header fields from the command line, and the defaults that they replace.

use std::fs;
use std::path::Path;

use muxfer_core::easy::{Expect, Field, Fields};

use crate::failure::Failure;

/// The header fields of every request of this run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Headers {
    fields: Vec<(String, String)>,
    /// What the lines say about `Expect`, which the engine sends.
    pub(crate) expect: Expect,
    /// `Transfer-Encoding: chunked` was asked for: uploads go without their length.
    pub(crate) chunked: bool,
}

impl Fields for Headers {
    fn field(&self, nth: usize) -> Option<Field<'_>> {
        self.fields
            .get(nth)
            .map(|(name, value)| Field { name, value })
    }
}

impl Headers {
    /// The defaults, changed by the lines of `-H`: `Name: value`, `Name:`, `Name;` or `@FILE`.
    pub(crate) fn new(defaults: &[(&str, &str)], lines: &[String]) -> Result<Self, Failure> {
        let owned = |&(name, value): &(&str, &str)| (name.to_string(), value.to_string());
        let mut headers = Self {
            fields: defaults.iter().map(owned).collect(),
            expect: Expect::Auto,
            chunked: false,
        };
        let mut replaced: Vec<String> = Vec::new();
        for line in lines {
            let Some(path) = line.strip_prefix('@') else {
                headers.add(line, &mut replaced)?;
                continue;
            };
            let text = fs::read_to_string(path)
                .map_err(|error| Failure::reading(Path::new(path), &error))?;
            for line in text.lines().filter(|line| !line.is_empty()) {
                headers.add(line, &mut replaced)?;
            }
        }
        Ok(headers)
    }

    fn add(&mut self, line: &str, replaced: &mut Vec<String>) -> Result<(), Failure> {
        if line.contains(['\r', '\n', '\0']) {
            let line = line.escape_debug();
            return Err(Failure::usage(format!(
                "a header with a line end in it: {line}"
            )));
        }
        let (name, value) = match line.split_once(':') {
            Some((name, value)) => (name, Some(value.trim())),
            None => match line.strip_suffix(';') {
                Some(name) => (name, None),
                None => return Err(Failure::usage(format!("not a header: {line}"))),
            },
        };
        if self.is_the_engines(name, value) {
            return Ok(());
        }
        // The first one of a name replaces the default; more of them are sent beside it.
        if !replaced
            .iter()
            .any(|other| other.eq_ignore_ascii_case(name))
        {
            replaced.push(name.to_string());
            self.fields
                .retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        }
        match value {
            Some("") => {}
            Some(value) => self.fields.push((name.to_string(), value.to_string())),
            None => self.fields.push((name.to_string(), String::new())),
        }
        Ok(())
    }

    /// Fields that the engine sends and that are switched rather than written.
    fn is_the_engines(&mut self, name: &str, value: Option<&str>) -> bool {
        let value = value.unwrap_or_default();
        if name.eq_ignore_ascii_case("expect") {
            match value {
                "" => self.expect = Expect::Never,
                value if value.eq_ignore_ascii_case("100-continue") => {
                    self.expect = Expect::Always;
                }
                _ => return false,
            }
            true
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            self.chunked |= value.eq_ignore_ascii_case("chunked");
            value.is_empty() || value.eq_ignore_ascii_case("chunked")
        } else {
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[&str]) -> Result<Headers, Failure> {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_string()).collect();
        Headers::new(&[("Accept", "*/*"), ("User-Agent", "m")], &lines)
    }

    #[test]
    fn lines_replace_remove_and_empty_as_in_curl() {
        let all = headers(&["accept: a", "X-Y;", "User-Agent:", "X-Z: 1", "X-Z: 2"]).unwrap();
        let expected = [("accept", "a"), ("X-Y", ""), ("X-Z", "1"), ("X-Z", "2")];
        let got: Vec<_> = all
            .fields
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        assert_eq!(got, expected);
        assert_eq!(all.expect, Expect::Auto);
    }

    #[test]
    fn the_engines_fields_are_switches() {
        assert_eq!(headers(&["Expect:"]).unwrap().expect, Expect::Never);
        let always = headers(&["expect: 100-Continue"]).unwrap();
        assert_eq!((always.expect, always.fields.len()), (Expect::Always, 2));
        let chunked = headers(&["Transfer-Encoding: chunked"]).unwrap();
        assert_eq!((chunked.chunked, chunked.fields.len()), (true, 2));
        // Anything else is left to the engine to refuse.
        assert_eq!(
            headers(&["Transfer-Encoding: gzip"]).unwrap().fields.len(),
            3
        );
    }

    #[test]
    fn line_ends_and_nonsense_are_refused() {
        for line in ["A: b\r\nC: d", "A: b\nC", "A\0: b", "nonsense"] {
            assert_eq!(headers(&[line]).unwrap_err().code, Failure::USAGE, "{line}");
        }
        assert_eq!(headers(&["@/no/such"]).unwrap_err().code, Failure::READ);
    }
}
