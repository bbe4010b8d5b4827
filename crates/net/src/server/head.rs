//! A look at the raw request head, for what the HTTP library repairs silently.

/// Heads beyond this are not looked at; the library refuses them by its own limit.
const LONGEST: usize = super::MAX_HEAD + 4;

/// Why a request was refused before any service saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadRefusal {
    /// Both Content-Length and Transfer-Encoding: where the body ends is a matter of opinion
    /// (RFC 9112, 6.1 allows a server to refuse it).
    TwoLengths,
    /// HTTP/1.1 without Host (RFC 9112, 3.2 demands 400).
    NoHost,
}

/// Collects the head of the request that is coming in.
#[derive(Debug, Default)]
pub(crate) struct HeadCheck {
    head: Vec<u8>,
    complete: bool,
}

impl HeadCheck {
    /// Takes bytes as they arrive, and ignores them once the head is complete.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        if self.complete {
            return;
        }
        // The blank line may have begun in the bytes before.
        let from = self.head.len().saturating_sub(3);
        let room = LONGEST.saturating_sub(self.head.len());
        self.head.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        let tail = self.head.get(from..).unwrap_or_default();
        if let Some(end) = tail.windows(4).position(|four| four == b"\r\n\r\n") {
            self.head.truncate(from + end);
            self.complete = true;
        } else if self.head.len() == LONGEST {
            self.complete = true;
        }
    }

    /// Whether the head gives the body's length in two ways.
    pub(crate) fn has_two_lengths(&self) -> bool {
        let has = |name: &[u8]| {
            self.head
                .split(|byte| *byte == b'\n')
                .skip(1)
                .filter_map(|line| line.split(|byte| *byte == b':').next())
                .any(|field| field.trim_ascii().eq_ignore_ascii_case(name))
        };
        has(b"content-length") && has(b"transfer-encoding")
    }

    /// Begins with the next request.
    pub(crate) fn reset(&mut self) {
        self.head.clear();
        self.complete = false;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOTH: &[u8] = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\ncontent-length : 3\r\n\r\nabc";

    #[test]
    fn two_lengths_are_found_wherever_the_head_is_cut() {
        for cut in 0..BOTH.len() {
            let mut check = HeadCheck::default();
            check.feed(&BOTH[..cut]);
            check.feed(&BOTH[cut..]);
            assert!(check.has_two_lengths(), "cut at {cut}");
        }
    }

    #[test]
    fn one_length_passes_and_the_body_does_not_count() {
        let mut check = HeadCheck::default();
        check.feed(b"POST / HTTP/1.1\r\nContent-Length: 30\r\n\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert!(!check.has_two_lengths());
        check.reset();
        check.feed(BOTH);
        assert!(check.has_two_lengths());
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken_within_the_limit(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..5000), 0..8)) {
            let mut check = HeadCheck::default();
            for part in &parts {
                check.feed(part);
            }
            prop_assert!(check.head.len() <= LONGEST);
            let _ = check.has_two_lengths();
        }
    }
}
