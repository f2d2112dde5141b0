//! Reading what packets are made of, without ever trusting a length.

/// The unread rest of some bytes. Every method is `None` when they run out.
#[derive(Debug, Clone, Copy)]
pub(in crate::mysql) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(in crate::mysql) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(in crate::mysql) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(in crate::mysql) fn rest(self) -> &'a [u8] {
        self.rest
    }

    #[inline]
    pub(in crate::mysql) fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(n)?;
        self.rest = rest;
        Some(taken)
    }

    #[inline]
    pub(in crate::mysql) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*taken)
    }

    #[inline]
    pub(in crate::mysql) fn byte(&mut self) -> Option<u8> {
        self.array().map(|[b]| b)
    }

    #[inline]
    pub(in crate::mysql) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    #[inline]
    pub(in crate::mysql) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// A length-encoded integer.
    #[inline]
    pub(in crate::mysql) fn length(&mut self) -> Option<u64> {
        Some(match self.byte()? {
            short @ 0..=0xFA => u64::from(short),
            0xFC => u64::from(self.u16()?),
            0xFD => {
                let [a, b, c] = self.array()?;
                u64::from(u32::from_le_bytes([a, b, c, 0]))
            }
            0xFE => u64::from_le_bytes(self.array()?),
            // 0xFB is the NULL of text rows, 0xFF the mark of an error.
            0xFB | 0xFF => return None,
        })
    }

    /// Bytes behind their length-encoded length.
    #[inline]
    pub(in crate::mysql) fn block(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.length()?).ok()?;
        self.take(len)
    }

    /// A cell of a text row: `Some(None)` is NULL.
    pub(in crate::mysql) fn text_cell(&mut self) -> Option<Option<&'a [u8]>> {
        if self.rest.first() == Some(&0xFB) {
            self.take(1)?;
            return Some(None);
        }
        self.block().map(Some)
    }

    /// Bytes up to a zero byte, which is passed over.
    pub(in crate::mysql) fn until_zero(&mut self) -> Option<&'a [u8]> {
        let end = self.rest.iter().position(|&b| b == 0)?;
        let bytes = self.take(end)?;
        self.take(1)?;
        Some(bytes)
    }
}

/// Appends a length-encoded integer.
pub(in crate::mysql) fn put_length(out: &mut Vec<u8>, n: usize) {
    let bytes = (n as u64).to_le_bytes();
    let (mark, len) = match n {
        0..=0xFA => (None, 1),
        0xFB..=0xFFFF => (Some(0xFC), 2),
        0x1_0000..=0xFF_FFFF => (Some(0xFD), 3),
        _ => (Some(0xFE), 8),
    };
    out.extend(mark);
    out.extend(bytes.iter().take(len));
}

/// Appends bytes behind their length.
pub(in crate::mysql) fn put_block(out: &mut Vec<u8>, bytes: &[u8]) {
    put_length(out, bytes.len());
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_go_there_and_back() {
        for n in [0, 1, 250, 251, 252, 65_535, 65_536, 0xFF_FFFF, 0x100_0000, 1 << 40] {
            let mut bytes = Vec::new();
            put_length(&mut bytes, n);
            let mut cursor = Cursor::new(&bytes);
            assert_eq!(cursor.length(), Some(n as u64));
            assert!(cursor.is_empty());
            bytes.pop();
            assert_eq!(Cursor::new(&bytes).length(), None);
        }
        assert_eq!(Cursor::new(&[0xFB]).length(), None);
        assert_eq!(Cursor::new(&[0xFE, 255, 255, 255, 255, 255, 255, 255, 255, 1]).block(), None);
    }
}
