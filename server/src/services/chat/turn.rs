//! A turn from its first word to its last: run the scene, pass on what it tells, write down what came of it.

use std::time::Duration;

use tidegate_schema::{
    Error,
    ids::ConversationId,
    model::{
        Answer, BegunTurn, Caller, ChatEvent, Evidence, MessageDetail, NewMessage, Role, Usage,
    },
};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};

use super::{BACKLOG, Prepared, removed, stopped};
use crate::{
    app::App,
    scenes::{Attempt, Emitter, Ledger, Outcome, dashboard, data, excel, normal, structure},
    services::{
        audit::{self, Judged},
        metering::Meter,
        running::Place,
    },
};

/// How long a listener may take to fetch the last events of a turn whose time is up.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// Longest a turn may last, whatever is configured: clocks do not reach for ever.
const LONGEST: Duration = Duration::from_hours(24 * 30);

/// What is shown of a turn that was stopped before it said anything.
const NOTHING_SAID: &str = "Stopped before an answer was written.";

/// A turn under way.
pub(super) struct Turn {
    pub(super) app: App,
    pub(super) caller: Caller,
    pub(super) conversation: ConversationId,
    pub(super) begun: BegunTurn,
    pub(super) detail: MessageDetail,
    pub(super) place: Place,
    /// Counts what it takes, until it has ended.
    pub(super) meter: Option<Meter>,
}

/// How a scene ended.
enum End {
    /// By itself.
    Answered(Box<Outcome>),
    /// With an error, its own or that time was up.
    Failed(Error),
    /// The listener left.
    Left,
    /// Somebody stopped it.
    Stopped,
    /// The conversation was removed.
    Removed,
}

impl Turn {
    /// Runs the scene and everything after it. Ends within the configured time and a few seconds, also where the
    /// listener stays but does not read.
    pub(super) async fn run(mut self, prepared: Prepared, model: String, emitter: &Emitter) {
        let mut meter = self.meter.take();
        let limit = Duration::from_secs(self.app.config.limits.turn_seconds).min(LONGEST);
        let deadline = Instant::now() + limit;
        emitter
            .emit(ChatEvent::Started {
                conversation: self.conversation.clone(),
                round: self.begun.round,
                model,
            })
            .await;
        let ledger = Ledger::default();
        let (end, said, mut last) = self
            .pass_on(prepared, &ledger, emitter, deadline, limit, meter.as_mut())
            .await;
        self.audit(ledger.take()).await;
        match end {
            End::Answered(outcome) => {
                if let Some(mut meter) = meter.take() {
                    meter.usage(outcome.usage);
                    meter.done();
                }
                last.push(self.complete(*outcome).await);
            }
            End::Failed(error) => {
                if let Some(meter) = meter.take() {
                    meter.failed(&error);
                }
                if matches!(error, Error::Internal { .. }) {
                    tracing::error!(error = error.log_chain(), "a turn failed");
                }
                self.cut(&said).await;
                last.push(ChatEvent::Error(error));
            }
            End::Left => {
                self.cut(&said).await;
                return;
            }
            End::Stopped => last.push(self.stop(&said).await),
            End::Removed => last.push(ChatEvent::Error(removed(&self.conversation))),
        }
        // Before the end is told: whoever heard it may ask the next question at once. A turn whose end was not counted
        // so far was cancelled.
        drop(meter);
        drop(self.place);
        let patience = deadline.max(Instant::now() + LAST_WORDS);
        let telling = async {
            for event in last {
                emitter.emit(event).await;
            }
        };
        if timeout_at(patience, telling).await.is_err() {
            tracing::debug!("the listener did not fetch the end of its turn");
        }
    }

    /// Runs the scene while passing on what it tells; how it ended, the words told, and what is still to be
    /// passed on.
    async fn pass_on(
        &self,
        prepared: Prepared,
        ledger: &Ledger,
        emitter: &Emitter,
        deadline: Instant,
        limit: Duration,
        mut meter: Option<&mut Meter>,
    ) -> (End, String, Vec<ChatEvent>) {
        let (watched, mut told) = mpsc::channel(BACKLOG);
        let inner = Emitter::new(watched);
        let scene = async {
            match prepared {
                Prepared::Normal(turn) => normal::answer(turn, &inner).await,
                Prepared::Data(turn) => Box::pin(data::answer(*turn, &inner, ledger)).await,
                Prepared::Structure(turn) => structure::answer(*turn, &inner, ledger).await,
                Prepared::Excel(turn) => excel::answer(*turn, &inner, ledger).await,
                Prepared::Dashboard(turn) => {
                    Box::pin(dashboard::answer(*turn, &inner, ledger)).await
                }
            }
        };
        let timed_out = || {
            End::Failed(Error::Timeout {
                what: "the turn".to_owned(),
                limit,
            })
        };
        let mut said = String::new();
        let end = {
            let guarded = timeout_at(deadline, scene);
            tokio::pin!(guarded);
            loop {
                let event = tokio::select! {
                    Some(event) = told.recv() => event,
                    outcome = &mut guarded => break match outcome {
                        Ok(Ok(outcome)) => End::Answered(Box::new(outcome)),
                        Ok(Err(error)) => End::Failed(error),
                        Err(_) => timed_out(),
                    },
                    () = emitter.abandoned() => break End::Left,
                    () = self.place.removed() => break End::Removed,
                    () = self.place.stopped() => break End::Stopped,
                };
                note(&mut said, &event);
                if let Some(meter) = &mut meter
                    && matches!(event, ChatEvent::Text(_) | ChatEvent::Thinking(_))
                {
                    meter.first_token();
                    meter.pieces(1);
                }
                tokio::select! {
                    passed = timeout_at(deadline, emitter.emit(event)) => {
                        if passed.is_err() {
                            break timed_out();
                        }
                    }
                    () = self.place.removed() => break End::Removed,
                    () = self.place.stopped() => break End::Stopped,
                }
            }
        };
        // What the scene told between its last poll and its end.
        let mut last = Vec::new();
        while let Ok(event) = told.try_recv() {
            note(&mut said, &event);
            last.push(event);
        }
        (end, said, last)
    }

    /// Writes down every statement that was judged or run.
    async fn audit(&self, attempts: Vec<Attempt>) {
        for attempt in attempts {
            if let Some(error) = &attempt.error {
                self.app
                    .databases
                    .learn_from(&attempt.datasource, error)
                    .await;
            }
            let judged = Judged {
                datasource: &attempt.datasource,
                sql: &attempt.sql,
                verdict: &attempt.verdict,
                error: attempt.error.as_ref(),
                rows: attempt.rows as u64,
                elapsed_ms: attempt.elapsed_ms,
                confirmed: false,
            };
            if let Err(error) = audit::record(&self.app, &self.caller, &judged).await {
                tracing::error!(
                    error = error.log_chain(),
                    "the audit log could not be written"
                );
            }
        }
    }

    /// Stores the answer; the event that tells it.
    async fn complete(&self, outcome: Outcome) -> ChatEvent {
        let answer = Answer {
            conversation: self.conversation.clone(),
            round: self.begun.round,
            text: outcome.text,
            result: outcome.result,
            chart: outcome.chart,
            dashboard: outcome.dashboard,
            problem: outcome.problem,
            evidence: outcome.evidence,
            usage: outcome.usage,
        };
        let view = MessageDetail {
            evidence: Some(answer.document()),
            ..self.detail.clone()
        };
        let messages = vec![
            NewMessage {
                role: Role::Ai,
                content: outcome.raw,
                detail: self.detail.clone(),
            },
            NewMessage {
                role: Role::View,
                content: answer.text.clone(),
                detail: view,
            },
        ];
        match self.store(messages).await {
            Ok(()) => ChatEvent::Done(Box::new(answer)),
            Err(error) => ChatEvent::Error(error),
        }
    }

    /// Keeps what was said of a turn that was stopped; the event that tells its end. It is an answer, since that is
    /// what its asker wanted, with what is missing as its problem.
    async fn stop(&self, said: &str) -> ChatEvent {
        let detail = MessageDetail {
            cut: true,
            ..self.detail.clone()
        };
        let message = |role, content: &str| NewMessage {
            role,
            content: content.to_owned(),
            detail: detail.clone(),
        };
        let nothing = said.trim().is_empty();
        let text = if nothing { NOTHING_SAID } else { said };
        let mut messages = Vec::new();
        if !nothing {
            messages.push(message(Role::Ai, said));
        }
        messages.push(message(Role::View, text));
        if let Err(error) = self.store(messages).await {
            return ChatEvent::Error(error);
        }
        ChatEvent::Done(Box::new(Answer {
            conversation: self.conversation.clone(),
            round: self.begun.round,
            text: text.to_owned(),
            result: None,
            chart: None,
            dashboard: None,
            problem: Some(stopped()),
            evidence: Evidence {
                model: self.detail.model.clone().unwrap_or_default(),
                ..Evidence::default()
            },
            usage: Usage::default(),
        }))
    }

    /// Keeps what was said of a turn that did not end.
    async fn cut(&self, said: &str) {
        if said.trim().is_empty() {
            return;
        }
        let detail = MessageDetail {
            cut: true,
            ..self.detail.clone()
        };
        let messages = [Role::Ai, Role::View].map(|role| NewMessage {
            role,
            content: said.to_owned(),
            detail: detail.clone(),
        });
        // An error is in the log, and the turn's own end is what the listener is told.
        let _ = self.store(messages.into()).await;
    }

    async fn store(&self, messages: Vec<NewMessage>) -> Result<(), Error> {
        let now = self.app.clock.now();
        let stored = self
            .app
            .store
            .finish_turn(&self.conversation, &self.begun, messages, now)
            .await;
        match &stored {
            Ok(()) => {}
            // Somebody removed the conversation: not a failure of ours.
            Err(error @ (Error::NotFound { .. } | Error::Conflict { .. })) => {
                tracing::debug!(%error, "a turn's question is gone");
            }
            Err(error) => tracing::error!(error = error.log_chain(), "a turn could not be stored"),
        }
        stored
    }
}

/// Adds an event's words to those told.
fn note(said: &mut String, event: &ChatEvent) {
    if let ChatEvent::Text(text) = event {
        said.push_str(text);
    }
}
