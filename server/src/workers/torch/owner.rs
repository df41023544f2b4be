//! One thread that owns a model: work comes in by channel, and no more of it than a bound.

use std::{
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use tidegate_schema::{Error, Result};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Leave to have one piece of work queued or running; given back when dropped.
pub(in crate::workers) type Admission = OwnedSemaphorePermit;

/// The thread's handle. Dropping it ends the thread after the step it is in.
pub(in crate::workers) struct Owner<Work> {
    sender: Option<mpsc::Sender<Work>>,
    thread: Option<JoinHandle<()>>,
    admission: Arc<Semaphore>,
    name: String,
}

impl<Work: Send + 'static> Owner<Work> {
    /// Starts the thread, which runs `serve` until the channel closes. At most `bound` pieces of work are taken in.
    pub(in crate::workers) fn start(
        name: &str,
        bound: usize,
        serve: impl FnOnce(&mpsc::Receiver<Work>) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name(format!("model {name}"))
            .spawn(move || {
                // Thread-local in libtorch, so it has to be said here.
                let _no_gradients = tch::no_grad_guard();
                serve(&receiver);
            })?;
        Ok(Self {
            sender: Some(sender),
            thread: Some(thread),
            admission: Arc::new(Semaphore::new(bound)),
            name: name.to_owned(),
        })
    }

    /// Leave for one more piece of work, or a refusal at once when the bound is reached.
    pub(in crate::workers) fn admit(&self) -> Result<Admission> {
        Arc::clone(&self.admission)
            .try_acquire_owned()
            .map_err(|_| Error::Overloaded {
                retry_after: Duration::from_secs(1),
            })
    }

    /// Hands over a piece of work, or refuses at once when the bound is reached.
    pub(in crate::workers) fn submit(&self, work: impl FnOnce(Admission) -> Work) -> Result<()> {
        self.send(work(self.admit()?))
    }

    /// Hands over a piece of work that there is leave for.
    pub(in crate::workers) fn send(&self, work: Work) -> Result<()> {
        match self.sender.as_ref().map(|sender| sender.send(work)) {
            Some(Ok(())) => Ok(()),
            _ => Err(Error::upstream(
                &self.name,
                "the model's thread has ended; restart the server",
            )),
        }
    }
}

impl<Work> Drop for Owner<Work> {
    fn drop(&mut self) {
        drop(self.sender.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was logged when it happened.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_beyond_its_bound_and_takes_work_again_afterwards() {
        let (done, finished) = mpsc::channel();
        let (go, wait) = mpsc::channel::<()>();
        let owner = Owner::start("test", 2, move |work: &mpsc::Receiver<Admission>| {
            while let Ok(admission) = work.recv() {
                let _ = wait.recv();
                drop(admission);
                let _ = done.send(());
            }
        })
        .expect("a thread");
        owner.submit(|admission| admission).expect("first");
        owner.submit(|admission| admission).expect("second");
        assert!(matches!(
            owner.submit(|admission| admission),
            Err(Error::Overloaded { .. })
        ));
        go.send(()).expect("the thread waits");
        finished.recv().expect("one is done");
        owner.submit(|admission| admission).expect("room again");
        drop(go);
    }
}
