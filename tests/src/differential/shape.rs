//! A response read loosely, line by line and without any judgement: what a class looks for is found
//! in here, whatever the judges make of it.

/// A head and the field lines in it.
#[derive(Clone, Debug)]
pub(super) struct Head<'a> {
    pub(super) status_line: &'a [u8],
    pub(super) field_lines: Vec<&'a [u8]>,
}

/// All heads up to the final one, and what stands behind them.
#[derive(Clone, Debug)]
pub(super) struct Shape<'a> {
    pub(super) heads: Vec<Head<'a>>,
    pub(super) rest: &'a [u8],
}

impl<'a> Shape<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        let (mut heads, mut rest) = (Vec::new(), bytes);
        loop {
            let mut head = Head {
                status_line: take_line(&mut rest),
                field_lines: Vec::new(),
            };
            while !rest.is_empty() {
                let line = take_line(&mut rest);
                if line.is_empty() {
                    break;
                }
                head.field_lines.push(line);
            }
            let goes_on = head.is_informational() && !rest.is_empty();
            heads.push(head);
            if !goes_on {
                return Self { heads, rest };
            }
        }
    }

    /// The last head.
    pub(super) fn head(&self) -> &Head<'a> {
        self.heads.last().expect("there is one always")
    }

    /// The size lines of a chunked body, up to where they can't be followed any more.
    pub(super) fn size_lines(&self) -> Vec<&'a [u8]> {
        let (mut lines, mut rest) = (Vec::new(), self.rest);
        while !rest.is_empty() {
            let line = take_line(&mut rest);
            lines.push(line);
            let digits = std::str::from_utf8(hex_digits(line)).unwrap_or("");
            match usize::from_str_radix(digits, 16) {
                Ok(size @ 1..) if size < rest.len() => rest = &rest[size..],
                Ok(_) | Err(_) => break,
            }
            take_line(&mut rest);
        }
        lines
    }
}

impl<'a> Head<'a> {
    /// The values of a field, trimmed.
    pub(super) fn values(&self, name: &str) -> Vec<&'a [u8]> {
        let fields = self.field_lines.iter().filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let (found, value) = line.split_at(colon);
            let same = found.eq_ignore_ascii_case(name.as_bytes());
            same.then_some(value[1..].trim_ascii())
        });
        fields.collect()
    }

    /// The elements of a field that is a list, in lower case, empty ones included.
    pub(super) fn elements(&self, name: &str) -> Vec<String> {
        let values = self.values(name);
        let elements = values.iter().flat_map(|value| value.split(|b| *b == b','));
        let text = |element: &[u8]| String::from_utf8_lossy(element.trim_ascii()).to_lowercase();
        elements.map(text).collect()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        !self.values(name).is_empty()
    }

    pub(super) fn is_informational(&self) -> bool {
        matches!(self.code(), [b'1', ..])
    }

    /// The major and the minor version, if the line begins as one of HTTP does.
    pub(super) fn version(&self) -> Option<(u8, u8)> {
        match self.status_line {
            [b'H', b'T', b'T', b'P', b'/', major, b'.', minor, b' ', ..] => {
                let digits = major.is_ascii_digit() && minor.is_ascii_digit();
                digits.then(|| (major - b'0', minor - b'0'))
            }
            _ => None,
        }
    }

    /// The three bytes where the code should stand.
    pub(super) fn code(&self) -> &'a [u8] {
        self.status_line.get(9..12).unwrap_or(&[])
    }
}

/// The hexadecimal digits at the start.
pub(super) fn hex_digits(line: &[u8]) -> &[u8] {
    let end = line.iter().position(|byte| !byte.is_ascii_hexdigit());
    &line[..end.unwrap_or(line.len())]
}

/// Takes a line; without its line feed and the carriage return before it.
fn take_line<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let end = rest.iter().position(|byte| *byte == b'\n');
    let (line, behind) = match end {
        Some(end) => (&rest[..end], &rest[end + 1..]),
        None => (*rest, &[][..]),
    };
    *rest = behind;
    line.strip_suffix(b"\r").unwrap_or(line)
}
