//! An answer under way: its place at the gateway and the wait between two of its pieces.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use futures::{Stream, StreamExt as _, stream::BoxStream};
use tidegate_schema::{Error, Result};

use super::upstream::Call;
use crate::workers::Patience;

/// The pieces of an answer. Dropping it ends the answer and makes its place free; so does its end.
pub(super) struct Watched<T> {
    /// What came before it was watched.
    first: Option<T>,
    pieces: BoxStream<'static, Result<T>>,
    /// With the wait for a piece, where that is limited.
    patience: Option<Patience>,
    /// None when it is over.
    call: Option<Call>,
}

impl<T: Send + 'static> Watched<T> {
    /// Watches what is behind the first piece.
    pub(super) fn behind(first: T, pieces: BoxStream<'static, Result<T>>, call: Call) -> Self {
        Self {
            first: Some(first),
            ..Self::whole(pieces, call)
        }
    }

    /// Watches all of it.
    pub(super) fn whole(pieces: BoxStream<'static, Result<T>>, call: Call) -> Self {
        Self {
            first: None,
            pieces,
            patience: call.upstream().policy.between.map(Patience::of),
            call: Some(call),
        }
    }

    /// It is over: the upstream is let go of at once, whoever holds the rest.
    fn end(&mut self, error: Option<&Error>) {
        self.pieces = futures::stream::empty().boxed();
        self.patience = None;
        if let (Some(call), Some(error)) = (self.call.take(), error) {
            call.failed(error);
        }
    }

    /// Whether the wait for a piece has been too long; asks to be woken when it will be.
    fn is_late(&mut self, context: &mut Context<'_>) -> Option<Error> {
        let patience = self.patience.as_mut()?;
        if patience.poll(context).is_pending() {
            return None;
        }
        let model = &self.call.as_ref()?.upstream().name;
        Some(Error::Timeout {
            what: format!("a piece of the answer of '{model}'"),
            limit: patience.limit(),
        })
    }
}

impl<T: Send + Unpin + 'static> Stream for Watched<T> {
    type Item = Result<T>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if let Some(first) = this.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        if this.call.is_none() {
            return Poll::Ready(None);
        }
        match this.pieces.poll_next_unpin(context) {
            Poll::Ready(Some(Ok(piece))) => {
                if let Some(patience) = &mut this.patience {
                    patience.came();
                }
                Poll::Ready(Some(Ok(piece)))
            }
            Poll::Ready(Some(Err(error))) => {
                this.end(Some(&error));
                Poll::Ready(Some(Err(error)))
            }
            Poll::Ready(None) => {
                this.end(None);
                Poll::Ready(None)
            }
            Poll::Pending => match this.is_late(context) {
                Some(error) => {
                    this.end(Some(&error));
                    Poll::Ready(Some(Err(error)))
                }
                None => Poll::Pending,
            },
        }
    }
}
