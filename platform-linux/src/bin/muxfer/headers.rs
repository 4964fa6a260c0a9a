//! Header fields from the command line, and the defaults that they replace.

use muxfer_core::easy::{Field, Fields};

/// The header fields of every request of this run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Headers {
    fields: Vec<(String, String)>,
    /// `Expect:` was taken away.
    pub(crate) no_expect: bool,
}

impl Fields for Headers {
    fn field(&self, nth: usize) -> Option<Field<'_>> {
        self.fields
            .get(nth)
            .map(|(name, value)| Field { name, value })
    }
}

impl Headers {
    /// The defaults, changed by the lines of `-H`: `Name: value`, `Name:` or `Name;`.
    pub(crate) fn new(defaults: &[(&str, &str)], lines: &[String]) -> Result<Self, String> {
        let mut headers = Self::default();
        for (name, value) in defaults {
            headers
                .fields
                .push(((*name).to_string(), (*value).to_string()));
        }
        let mut replaced: Vec<String> = Vec::new();
        for line in lines {
            headers.add(line, &mut replaced)?;
        }
        Ok(headers)
    }

    fn add(&mut self, line: &str, replaced: &mut Vec<String>) -> Result<(), String> {
        if line.contains(['\r', '\n', '\0']) {
            return Err(format!(
                "a header with a line end in it: {}",
                line.escape_debug()
            ));
        }
        let (name, value) = match line.split_once(':') {
            Some((name, value)) => (name, Some(value.trim())),
            None => (
                line.strip_suffix(';')
                    .ok_or_else(|| format!("not a header: {line}"))?,
                None,
            ),
        };
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
            Some("") if name.eq_ignore_ascii_case("expect") => self.no_expect = true,
            Some("") => {}
            Some(value) => self.fields.push((name.to_string(), value.to_string())),
            None => self.fields.push((name.to_string(), String::new())),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[&str]) -> Result<Headers, String> {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_string()).collect();
        Headers::new(&[("Accept", "*/*"), ("User-Agent", "m")], &lines)
    }

    #[test]
    fn lines_replace_remove_and_empty_as_in_curl() {
        let all = headers(&[
            "accept: a",
            "X-Y;",
            "User-Agent:",
            "X-Z: 1",
            "X-Z: 2",
            "Expect:",
        ])
        .unwrap();
        let expected = [("accept", "a"), ("X-Y", ""), ("X-Z", "1"), ("X-Z", "2")];
        let got: Vec<_> = all
            .fields
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        assert_eq!(got, expected);
        assert!(all.no_expect);
        assert!(headers(&["A: b\r\nC: d"]).is_err());
        assert!(headers(&["nonsense"]).is_err());
    }
}
