//! Keys and values of a sequence, in pages.

#![expect(
    unsafe_code,
    reason = "the team's threads read and write places of one page side by side"
)]

use std::sync::Arc;

use half::{bf16, f16};

use crate::{matrix::KernelError, memory::Memory};

/// Positions in a page.
pub const PAGE: usize = 64;
/// Values are padded to whole registers of the widest kind.
pub(super) const PAD: usize = 16;

/// What numbers are kept as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Storage {
    /// As they are computed.
    F32,
    /// With f32's range and eight digits.
    Bf16,
    /// With eleven digits and a small range.
    F16,
}

impl Storage {
    /// Bytes of a number.
    pub fn size(self) -> usize {
        match self {
            Self::F32 => size_of::<f32>(),
            Self::Bf16 => size_of::<bf16>(),
            Self::F16 => size_of::<f16>(),
        }
    }
}

/// The form of a model's pages. Per layer and head there are the keys, `[width, PAGE]`, and the values, `[PAGE, width]`
/// with rows padded to whole registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Layout {
    /// What numbers are kept as.
    pub storage: Storage,
    /// Layers of the model.
    pub layers: usize,
    /// Key and value heads of a layer.
    pub kv_heads: usize,
    /// Numbers of a head.
    pub width: usize,
}

impl Layout {
    /// Of no model.
    pub(super) const NONE: Self = Self {
        storage: Storage::F32,
        layers: 0,
        kv_heads: 0,
        width: 0,
    };

    /// Bytes of a page, or `None` beyond what can be counted.
    pub fn page_bytes(&self) -> Option<usize> {
        let padded = self.width.checked_next_multiple_of(PAD)?;
        self.width
            .checked_add(padded)?
            .checked_mul(PAGE)?
            .checked_mul(self.kv_heads)?
            .checked_mul(self.layers)?
            .checked_mul(self.storage.size())
    }

    /// Bytes of the room for so many tokens, or `None` beyond what can be counted.
    pub fn bytes(&self, tokens: usize) -> Option<usize> {
        self.page_bytes()?.checked_mul(tokens.div_ceil(PAGE))
    }

    pub(super) fn padded(&self) -> usize {
        self.width.next_multiple_of(PAD)
    }

    /// Where the keys of a layer's head begin in a page, in numbers; the values follow them.
    pub(super) fn place(&self, layer: usize, head: usize) -> usize {
        (layer * self.kv_heads + head) * PAGE * (self.width + self.padded())
    }
}

/// Memory of [`PAGE`] positions.
struct Page {
    memory: Memory,
    start: *mut u8,
}

// SAFETY: the pointer leads into memory that the page owns; it is followed by `Batch` only, which holds the caches.
unsafe impl Send for Page {}
// SAFETY: as above; a page that is shared is only read.
unsafe impl Sync for Page {}

impl Page {
    fn new(layout: &Layout) -> Result<Self, KernelError> {
        let bytes = layout
            .page_bytes()
            .ok_or(KernelError::Memory { bytes: usize::MAX })?;
        let mut memory = Memory::zeroed(bytes)?;
        Ok(Self {
            start: memory.bytes_mut().as_mut_ptr(),
            memory,
        })
    }

    fn copy(&self, layout: &Layout) -> Result<Self, KernelError> {
        let copy = Self::new(layout)?;
        // SAFETY: both are as long, apart from each other, and nobody writes to either meanwhile.
        unsafe { std::ptr::copy_nonoverlapping(self.start, copy.start, self.memory.len()) };
        Ok(copy)
    }
}

/// Keys and values of one sequence.
pub struct Cache {
    layout: Layout,
    pages: Vec<Arc<Page>>,
    tokens: usize,
}

impl Cache {
    /// An empty cache with room for so many tokens.
    ///
    /// # Errors
    ///
    /// [`KernelError::Memory`] when there is no such room.
    pub fn new(layout: Layout, tokens: usize) -> Result<Self, KernelError> {
        let mut cache = Self {
            layout,
            pages: Vec::new(),
            tokens: 0,
        };
        cache.reserve(tokens)?;
        Ok(cache)
    }

    /// Tokens held.
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// The form of its pages.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Bytes of its pages, those it shares included.
    pub fn bytes(&self) -> usize {
        self.pages.iter().map(|page| page.memory.len()).sum()
    }

    /// Forgets all behind the first `tokens`; the room stays.
    pub fn truncate(&mut self, tokens: usize) {
        self.tokens = self.tokens.min(tokens);
    }

    /// Another sequence that begins with the first `tokens` of this one. Pages are shared until either writes to one.
    pub fn fork(&self, tokens: usize) -> Self {
        let tokens = tokens.min(self.tokens);
        Self {
            layout: self.layout,
            pages: self.pages[..tokens.div_ceil(PAGE)].to_vec(),
            tokens,
        }
    }

    /// Makes room for `more` tokens behind those held, in pages that are this cache's own.
    ///
    /// # Errors
    ///
    /// [`KernelError::Memory`] when there is no such room; what is held stays.
    pub fn reserve(&mut self, more: usize) -> Result<(), KernelError> {
        let all = self
            .tokens
            .checked_add(more)
            .ok_or(KernelError::Memory { bytes: usize::MAX })?;
        let count = all.div_ceil(PAGE);
        if more > 0 {
            let end = self.pages.len().min(count);
            for page in self
                .pages
                .get_mut(self.tokens / PAGE..end)
                .unwrap_or_default()
            {
                if Arc::get_mut(page).is_none() {
                    *page = Arc::new(page.copy(&self.layout)?);
                }
            }
        }
        let missing = count.saturating_sub(self.pages.len());
        self.pages
            .try_reserve(missing)
            .map_err(|_| KernelError::Memory {
                bytes: self.layout.bytes(all).unwrap_or(usize::MAX),
            })?;
        for _ in 0..missing {
            self.pages.push(Arc::new(Page::new(&self.layout)?));
        }
        Ok(())
    }

    /// Where its pages begin.
    pub(super) fn starts(&self) -> impl Iterator<Item = *mut u8> {
        self.pages.iter().map(|page| page.start)
    }

    /// Says that the next `tokens` were written.
    pub(super) fn advance(&mut self, tokens: usize) {
        self.tokens += tokens;
    }
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Cache")
            .field("layout", &self.layout)
            .field("pages", &self.pages.len())
            .field("tokens", &self.tokens)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUT: Layout = Layout {
        storage: Storage::Bf16,
        layers: 3,
        kv_heads: 2,
        width: 24,
    };

    #[test]
    fn room_comes_in_whole_pages_and_is_counted() {
        let page = 3 * 2 * PAGE * (24 + 32) * 2;
        assert_eq!(LAYOUT.page_bytes(), Some(page));
        assert_eq!(LAYOUT.bytes(65), Some(2 * page));
        let mut cache = Cache::new(LAYOUT, 65).expect("there is memory");
        assert_eq!((cache.tokens(), cache.bytes()), (0, 2 * page));
        cache.reserve(10).expect("it is there");
        assert_eq!(cache.bytes(), 2 * page);
        cache.advance(65);
        cache.reserve(64).expect("there is memory");
        assert_eq!(cache.bytes(), 3 * page);
        cache.truncate(1);
        assert_eq!((cache.tokens(), cache.bytes()), (1, 3 * page));
    }

    #[test]
    fn a_fork_shares_pages_until_one_of_the_two_goes_on() {
        let mut cache = Cache::new(LAYOUT, 200).expect("there is memory");
        cache.advance(100);
        let mut fork = cache.fork(80);
        assert_eq!(fork.tokens(), 80);
        let starts = |cache: &Cache| cache.starts().collect::<Vec<_>>();
        assert_eq!(starts(&cache)[..2], starts(&fork));
        fork.reserve(1).expect("there is memory");
        assert_eq!(starts(&cache)[0], starts(&fork)[0]);
        assert_ne!(starts(&cache)[1], starts(&fork)[1]);
        let before = starts(&cache);
        cache.reserve(1).expect("there is memory");
        assert_eq!(starts(&cache), before, "nobody shares the page any more");
    }

    #[test]
    fn more_room_than_there_is_is_an_error() {
        let huge = Layout {
            layers: usize::MAX / 1024,
            ..LAYOUT
        };
        assert_eq!(huge.page_bytes(), None);
        Cache::new(huge, 1).expect_err("no such page");
        Cache::new(LAYOUT, usize::MAX / 2).expect_err("no such room");
        let mut cache = Cache::new(LAYOUT, 1).expect("there is memory");
        cache.advance(1);
        cache.reserve(usize::MAX).expect_err("beyond counting");
        assert_eq!(cache.tokens(), 1);
    }
}
