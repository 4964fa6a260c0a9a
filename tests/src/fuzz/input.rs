//! The bytes of a case, read from the front.

/// What is left of a case. Behind its end it reads zeros.
#[derive(Clone, Copy, Debug)]
pub(super) struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn byte(&mut self) -> u8 {
        match self.rest.split_first() {
            Some((first, rest)) => {
                self.rest = rest;
                *first
            }
            None => 0,
        }
    }

    pub(super) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.byte())
    }

    /// The next `n` bytes, or as many as there are.
    pub(super) fn take(&mut self, n: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(n.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    pub(super) const fn rest(self) -> &'a [u8] {
        self.rest
    }
}

/// Cuts the bytes into pieces of `sizes` + 1 bytes, which come again in turn.
pub(super) fn pieces<'a>(bytes: &'a [u8], sizes: &[u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    let mut rest = bytes;
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, behind) = rest.split_at(rest.len().min(usize::from(*size) + 1));
        pieces.push(piece);
        rest = behind;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_read_from_the_front_and_then_zeros() {
        let mut input = Input::new(&[1, 2, 3, 4]);
        assert_eq!(input.byte(), 1);
        assert_eq!(input.take(2), [2, 3]);
        assert_eq!(input.rest(), [4]);
        assert_eq!(input.bytes(), [4, 0, 0]);
        assert_eq!(input.take(2), [0_u8; 0]);
    }

    #[test]
    fn pieces_are_all_of_it_in_order() {
        assert_eq!(pieces(b"abcdef", &[1, 0]), [&b"ab"[..], b"c", b"de", b"f"]);
        assert!(pieces(b"", &[1]).is_empty());
    }
}
