//! Memory of keys and values: handed out to answers that come, taken from those kept and, when it runs out, from the
//! youngest answer.

use super::{
    Line, Running, Scheduler,
    prefix::{Key, common, is_worth},
    step::{Outcome, guarded},
};
use crate::workers::torch::{
    files::rope::Rope,
    network::{Cache, Network},
};

/// Tokens of an answer that room is made for before it begins; more room is made as it grows.
const BEGINNING: usize = 256;

/// What came of asking for a cache.
pub(super) enum Provided<C> {
    /// One that may hold the first of the tokens already.
    Cache(C),
    /// Others have to end first.
    NoRoom,
    /// There can be none.
    Failed(String),
}

/// Where the first tokens of an answer have been run before.
#[derive(Clone, Copy)]
enum Source {
    /// A kept cache; whether it is taken over.
    Kept { id: u64, tokens: usize, whole: bool },
    /// The cache of a running answer, by its place.
    Running { at: usize, tokens: usize },
}

impl<N: Network> Scheduler<N> {
    /// Bytes that running answers hold, or will when all of their tokens are run.
    pub(super) fn held_bytes(&self) -> u64 {
        self.running.iter().map(|one| self.charge(one)).sum()
    }

    fn charge(&self, one: &Running<N::Cache>) -> u64 {
        let known = self.bounds.bytes(one.line.tokens.len());
        one.cache.bytes().max(known)
    }

    /// A cache for an answer, with what was run of its tokens before, if there is room.
    pub(super) fn provide(&mut self, line: &Line) -> Provided<N::Cache> {
        let known = line.tokens.len();
        let room = known + line.left().clamp(1, BEGINNING);
        let room = room.min(self.bounds.window.max(known));
        let mut source = self.source(line);
        if !self.make_free(self.bounds.bytes(room), source) {
            // What is to be copied stands in the way: then the copy is done without.
            if let Some(Source::Kept { whole, .. }) = &mut source {
                *whole = true;
            }
            if !self.make_free(self.bounds.bytes(room), source) && !self.running.is_empty() {
                return Provided::NoRoom;
            }
        }
        if let Some(source) = source
            && let Some(cache) = self.begun_before(source, known - 1)
        {
            self.metrics.hit(cache.tokens().min(line.prompt));
            return Provided::Cache(cache);
        }
        let network = &self.network;
        match guarded(|| network.cache(room)) {
            Outcome::Done(cache) => Provided::Cache(cache),
            Outcome::Failed { reason, .. } => {
                // Memory is shorter than was thought: what is only kept gives way, then whoever came last waits.
                self.kept.clear();
                if self.running.is_empty() {
                    let network = &self.network;
                    return match guarded(|| network.cache(known)) {
                        Outcome::Done(cache) => Provided::Cache(cache),
                        Outcome::Failed { reason, .. } => Provided::Failed(reason),
                    };
                }
                tracing::warn!(model = self.name, reason, "no room for another answer now");
                Provided::NoRoom
            }
        }
    }

    /// A copy of a cache for an answer that goes on from there, if there are a place and room. So many answers that
    /// wait to be forked have places too.
    pub(super) fn copy(
        &mut self,
        line: &Line,
        cache: &N::Cache,
        waiting: usize,
    ) -> Option<N::Cache> {
        // The one that is copied has its place too, and is not among those running at the moment.
        if self.running.len() + waiting + 1 >= self.bounds.sequences {
            return None;
        }
        let own = cache.bytes();
        let room = line.tokens.len() + line.left().clamp(1, BEGINNING);
        let needed = self.bounds.bytes(room.min(self.bounds.window)).max(own);
        if !self.make_free(needed.saturating_add(own), None) {
            return None;
        }
        match guarded(|| cache.fork(cache.tokens())) {
            Outcome::Done(copy) => Some(copy),
            Outcome::Failed { reason, .. } => {
                tracing::warn!(
                    model = self.name,
                    reason,
                    "a cache cannot be copied; it is made again"
                );
                None
            }
        }
    }

    /// Where most of the first tokens have been run already.
    fn source(&mut self, line: &Line) -> Option<Source> {
        if !line.cacheable {
            return None;
        }
        let regime = self.regime(line.prompt)?;
        // At least one token is run: its scores are wanted. What an answer ran beyond a change of regime is its own.
        let most = if self.regime(line.tokens.len()).as_ref() == Some(&regime) {
            line.tokens.len() - 1
        } else {
            line.prompt - 1
        };
        let key = Key {
            regime,
            tokens: line.tokens.clone(),
        };
        let kept = self.kept.find(&key);
        let alive = self
            .running
            .iter()
            .enumerate()
            .filter(|(_, one)| one.line.cacheable && !one.line.alone)
            .filter(|(_, one)| self.uniform(one).as_ref() == Some(&key.regime))
            .map(|(at, one)| {
                let run = one.cache.tokens().min(one.line.tokens.len());
                (common(&one.line.tokens[..run], &line.tokens), at)
            })
            .max()
            .filter(|&(tokens, _)| is_worth(tokens));
        match (kept, alive) {
            (Some(hit), alive) if alive.is_none_or(|(tokens, _)| tokens <= hit.tokens) => {
                Some(Source::Kept {
                    id: hit.id,
                    tokens: hit.tokens.min(most),
                    whole: hit.whole,
                })
            }
            (_, Some((tokens, at))) => Some(Source::Running {
                at,
                tokens: tokens.min(most),
            }),
            (_, None) => None,
        }
    }

    /// The cache of a source, cut to `most` tokens.
    fn begun_before(&mut self, source: Source, most: usize) -> Option<N::Cache> {
        let outcome = match source {
            Source::Kept {
                id,
                tokens,
                whole: true,
            } => {
                let mut cache = self.kept.take(id)?;
                cache.truncate(tokens.min(most));
                return Some(cache);
            }
            Source::Kept { id, tokens, .. } => {
                let kept = &self.kept;
                guarded(|| kept.fork(id, tokens.min(most)).transpose())
            }
            Source::Running { at, tokens } => {
                let cache = self.running.get(at).map(|one| &one.cache);
                guarded(|| cache.map(|cache| cache.fork(tokens.min(most))).transpose())
            }
        };
        match outcome {
            Outcome::Done(cache) => cache,
            Outcome::Failed { reason, .. } => {
                tracing::warn!(
                    model = self.name,
                    reason,
                    "a kept cache cannot be copied; it is made again"
                );
                None
            }
        }
    }

    /// Whether `bytes` more can be had, once enough of what is kept has been let go, but not what is a source.
    fn make_free(&mut self, bytes: u64, source: Option<Source>) -> bool {
        let (spared, stays, moves) = match source {
            Some(Source::Kept { id, whole, .. }) => {
                let own = self.kept.bytes_of(id);
                (Some(id), own, if whole { own } else { 0 })
            }
            _ => (None, 0, 0),
        };
        // What is taken over is counted where it goes to.
        let beside = |kept: u64| {
            let all = self.held_bytes().saturating_add(kept);
            all.saturating_add(bytes.max(moves)).saturating_sub(moves)
        };
        let limit = self.bounds.kv_bytes;
        if beside(stays) > limit {
            // Nothing that is let go would be enough.
            return false;
        }
        let most_kept = limit - beside(0);
        while self.kept.bytes() > most_kept && self.kept.evict(spared) {}
        self.kept.bytes() <= most_kept
    }

    /// Makes sure that a step finds the memory it will take. False when an answer had to be put back for it, so that
    /// the step is another one now.
    pub(super) fn make_room(&mut self, parts: &[usize]) -> bool {
        let wanted: u64 = self
            .running
            .iter()
            .zip(parts)
            .map(|(one, &part)| self.behind(one, part))
            .sum();
        while wanted.saturating_add(self.kept.bytes()) > self.bounds.kv_bytes {
            if self.kept.evict(None) {
                continue;
            }
            if self.running.len() < 2 {
                // The whole window of one answer fits, so what is over is what a cache grows by at once.
                return true;
            }
            self.put_back_youngest();
            return false;
        }
        true
    }

    /// Bytes an answer holds when a step has run `part` of its tokens. Caches that are full are taken to double.
    fn behind(&self, one: &Running<N::Cache>, part: usize) -> u64 {
        let (now, charge) = (one.cache.bytes(), self.charge(one));
        let needed = self.bounds.bytes(one.cache.tokens() + part);
        if part == 0 || needed <= now {
            return charge;
        }
        let doubled = now
            .saturating_mul(2)
            .min(self.bounds.bytes(self.bounds.window));
        charge.max(doubled)
    }

    /// Takes its memory from the answer that came last. What it has told stays told; its tokens are run again later.
    fn put_back_youngest(&mut self) {
        let youngest = self
            .running
            .iter()
            .enumerate()
            .max_by_key(|(_, one)| one.line.age())
            .map(|(at, _)| at);
        let Some(at) = youngest else { return };
        let Running { line, .. } = self.running.remove(at);
        tracing::debug!(
            model = self.name,
            tokens = line.tokens.len(),
            "an answer waits for memory"
        );
        self.metrics.preempted();
        self.park(line);
    }

    /// Puts an answer in front of those who wait, to be run from its beginning again.
    pub(super) fn park(&mut self, mut line: Line) {
        let Some(request) = self.requests.get(&line.request) else {
            return;
        };
        line.rewind(&request.job.plan);
        self.parked.push_front(line);
    }

    /// Keeps what an answer has run for those who begin alike.
    pub(super) fn keep(&mut self, one: Running<N::Cache>) {
        if !one.line.cacheable || one.line.alone {
            return;
        }
        let prompt = one.line.prompt;
        let uniform = self.uniform(&one);
        let Running {
            line, mut cache, ..
        } = one;
        let regime = if let Some(regime) = uniform {
            regime
        } else {
            // Positions changed under way; the prompt at least was told by the same ones throughout.
            let Some(regime) = self.regime(prompt) else {
                return;
            };
            cache.truncate(prompt);
            regime
        };
        let mut tokens = line.tokens;
        tokens.truncate(cache.tokens());
        if let Outcome::Failed { reason, .. } = guarded(|| cache.settle()) {
            tracing::warn!(model = self.name, reason, "a cache cannot be kept");
            return;
        }
        self.kept.keep(Key { regime, tokens }, cache);
        let held = self.held_bytes();
        while held.saturating_add(self.kept.bytes()) > self.bounds.kv_bytes && self.kept.evict(None)
        {
        }
    }

    /// The regime all tokens of a cache were run in, if it is one.
    fn uniform(&self, one: &Running<N::Cache>) -> Option<Vec<u8>> {
        let first = self.regime(one.line.prompt)?;
        let last = self.regime(one.cache.tokens().max(one.line.prompt))?;
        (first == last).then_some(first)
    }

    /// How positions are told in a sequence of so many tokens; `None` where nothing can be shared.
    fn regime(&self, total: usize) -> Option<Vec<u8>> {
        self.network
            .shape()
            .ropes
            .iter()
            .map(|rope| Some(rope.regime(total)).filter(|&regime| regime != Rope::ALONE))
            .collect()
    }
}
