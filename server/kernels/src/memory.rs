//! Aligned memory for weights: big blocks straight from the system, on huge pages where it has them.

use memmap2::MmapMut;

use crate::matrix::KernelError;

/// Where big blocks begin, and how big is big: a huge page.
const HUGE: usize = 2 << 20;

/// Bytes of one line of the cache.
pub const LINE: usize = 64;

#[derive(Clone, Copy, bytemuck::Zeroable, bytemuck::Pod)]
#[repr(C, align(64))]
struct Line([u8; LINE]);

/// Bytes that begin at a multiple of [`LINE`], zero at first.
pub struct Memory {
    room: Room,
    length: usize,
}

enum Room {
    Small(Vec<Line>),
    Big { map: MmapMut, offset: usize },
}

impl Memory {
    /// `length` bytes of zeros.
    ///
    /// # Errors
    ///
    /// [`KernelError::Memory`] when the system has none left.
    pub fn zeroed(length: usize) -> Result<Self, KernelError> {
        let room = if length < HUGE {
            let count = length.div_ceil(LINE);
            let mut lines = Vec::new();
            lines
                .try_reserve_exact(count)
                .map_err(|_| KernelError::Memory { bytes: length })?;
            lines.resize(count, Line([0; LINE]));
            Room::Small(lines)
        } else {
            big(length)?
        };
        Ok(Self { room, length })
    }

    /// How many bytes.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// All bytes.
    pub fn bytes(&self) -> &[u8] {
        match &self.room {
            Room::Small(lines) => &bytemuck::cast_slice(lines)[..self.length],
            Room::Big { map, offset } => &map[*offset..*offset + self.length],
        }
    }

    /// All bytes, to write.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        match &mut self.room {
            Room::Small(lines) => &mut bytemuck::cast_slice_mut(lines)[..self.length],
            Room::Big { map, offset } => &mut map[*offset..*offset + self.length],
        }
    }
}

/// A block of its own, which goes back to the system when it is dropped.
fn big(length: usize) -> Result<Room, KernelError> {
    let refused = || KernelError::Memory { bytes: length };
    let whole = length.checked_add(HUGE).ok_or_else(refused)?;
    let map = MmapMut::map_anon(whole).map_err(|_| refused())?;
    // Pages behind the offset and the length are never touched, so they take no memory.
    let offset = map.as_ptr().align_offset(HUGE).min(HUGE);
    #[cfg(target_os = "linux")]
    {
        // A system without huge pages says no, and small ones do.
        let _ = map.advise_range(memmap2::Advice::HugePage, offset, length);
    }
    Ok(Room::Big { map, offset })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_every_size_are_aligned_zero_and_writable() {
        for length in [0, 1, 63, 64, 65, 4096, HUGE - 1, HUGE, 3 * HUGE + 5] {
            let mut memory = Memory::zeroed(length).expect("there is room");
            assert_eq!(memory.len(), length);
            assert_eq!(memory.is_empty(), length == 0);
            assert_eq!(memory.bytes().len(), length);
            assert_eq!(memory.bytes().as_ptr() as usize % LINE, 0);
            assert!(memory.bytes().iter().all(|byte| *byte == 0));
            memory.bytes_mut().fill(7);
            assert!(memory.bytes().iter().all(|byte| *byte == 7));
        }
    }

    #[test]
    fn more_than_there_is_is_an_error_with_the_figure() {
        let told = Memory::zeroed(usize::MAX / 2)
            .err()
            .expect("refused")
            .to_string();
        assert!(told.contains(&(usize::MAX / 2).to_string()), "{told}");
    }
}
