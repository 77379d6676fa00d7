//! The read buffer of one link. Bytes are parsed in place; a frame that is not complete moves to the front and waits for the rest. Fixed size.

/// Large enough that one read takes hundreds of readings, small enough for ten thousand links (untouched pages cost nothing).
pub const CAPACITY: usize = 64 * 1024;

/// Bytes read and not yet parsed.
#[derive(Debug)]
pub struct Inbox {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Default for Inbox {
    fn default() -> Inbox {
        Inbox {
            bytes: vec![0; CAPACITY].into_boxed_slice(),
            start: 0,
            end: 0,
        }
    }
}

impl Inbox {
    /// What is there to parse.
    pub fn unread(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Drops the first `count` bytes as parsed.
    pub fn consume(&mut self, count: usize) {
        self.start += count;
        debug_assert!(self.start <= self.end);
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Moves what is left to the front, to make room for the rest of it.
    pub fn make_room(&mut self) {
        self.bytes.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
    }

    /// Where the next read goes. Never empty if what is left over was moved to the front and is shorter than the capacity.
    pub fn room(&mut self) -> &mut [u8] {
        &mut self.bytes[self.end..]
    }

    /// `count` bytes were read into the room.
    pub fn filled(&mut self, count: usize) {
        self.end += count;
    }
}
