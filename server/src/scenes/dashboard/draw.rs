//! Running the queries of charts, a few at a time, and telling of each in its turn.

use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, stream};
use tidegate_schema::model::{
    Cell, ChartKind, ChatEvent, DashboardChart, ProposedChart, RowSet, Usage, Verdict,
};

use super::{DashboardTurn, ask};
use crate::{
    guard::Refusal,
    scenes::{Emitter, Ledger, show},
    workers::PromptMessage,
};

/// Charts drawn at once: a dashboard is one person's wish, and its database has others to answer.
const AT_ONCE: usize = 3;
/// Rows told at once.
const ROWS_AT_ONCE: usize = 200;

/// A chart that was drawn, or failed, with what it took.
pub(super) struct Drawn {
    pub(super) chart: DashboardChart,
    pub(super) usage: Usage,
    pub(super) repaired: bool,
}

/// Draws every chart, in their order; each is told once those before it are.
pub(super) async fn all(
    turn: &DashboardTurn,
    charts: Vec<ProposedChart>,
    messages: &[PromptMessage],
    emitter: &Emitter,
    ledger: &Ledger,
) -> Vec<Drawn> {
    let drawing: Vec<BoxFuture<'_, Drawn>> = charts
        .into_iter()
        .map(|chart| one(turn, chart, messages, emitter, ledger).boxed())
        .collect();
    let mut drawn = stream::iter(drawing).buffered(AT_ONCE);
    let mut all = Vec::new();
    while let Some(one) = drawn.next().await {
        tell(emitter, &one.chart).await;
        all.push(one);
    }
    all
}

/// Draws one chart; where its query fails, the one that the model writes in its place.
async fn one(
    turn: &DashboardTurn,
    chart: ProposedChart,
    messages: &[PromptMessage],
    emitter: &Emitter,
    ledger: &Ledger,
) -> Drawn {
    let refusal = match run(turn, &chart.sql, ledger).await {
        Err(refusal) if turn.repair && !messages.is_empty() => refusal,
        ran => return drawn(chart, ran, Usage::default(), false),
    };
    let error = refusal.error.to_string();
    match ask::again(&turn.asked, messages, &chart, &error, emitter).await {
        Ok((Some(repaired), usage)) if repaired.sql != chart.sql => {
            let ran = run(turn, &repaired.sql, ledger).await;
            drawn(repaired, ran, usage, true)
        }
        Ok((_, usage)) => drawn(chart, Err(refusal), usage, true),
        // What is wrong with the chart says more than what is wrong with the model.
        Err(failed) => {
            tracing::debug!(%failed, "a chart could not be asked for again");
            drawn(chart, Err(refusal), Usage::default(), false)
        }
    }
}

/// Judges and runs one query, within the caps on a chart.
async fn run(
    turn: &DashboardTurn,
    sql: &str,
    ledger: &Ledger,
) -> Result<(Verdict, RowSet), Refusal> {
    turn.asked.run(sql, turn.chart_limits(), ledger).await
}

fn drawn(
    proposed: ProposedChart,
    ran: Result<(Verdict, RowSet), Refusal>,
    usage: Usage,
    repaired: bool,
) -> Drawn {
    let (verdict, outcome) = match ran {
        Ok((verdict, rows)) => (verdict, Ok(rows)),
        Err(Refusal { verdict, error }) => (verdict, Err(error)),
    };
    let kind = outcome.as_ref().map_or(ChartKind::Table, |rows| {
        show::choose(rows, show::kind_of(&proposed.showcase))
    });
    Drawn {
        chart: DashboardChart {
            id: uuid::Uuid::new_v4().to_string(),
            proposed,
            kind,
            verdict: Some(verdict),
            outcome,
        },
        usage,
        repaired,
    }
}

async fn tell(emitter: &Emitter, chart: &DashboardChart) {
    emitter
        .emit(ChatEvent::Sql(chart.proposed.sql.clone()))
        .await;
    if let Some(verdict) = &chart.verdict {
        emitter.emit(ChatEvent::Verdict(verdict.clone())).await;
    }
    let Ok(rows) = &chart.outcome else { return };
    emitter.emit(ChatEvent::Columns(rows.columns.clone())).await;
    for some in rows.rows.chunks(ROWS_AT_ONCE) {
        emitter.emit(ChatEvent::Rows(some.to_vec())).await;
    }
    emitter.emit(ChatEvent::Chart(chart.kind)).await;
}

/// Whether a chart was drawn and shows something: it has a row with a cell that is not NULL.
pub(super) fn says_something(chart: &DashboardChart) -> bool {
    chart.outcome.as_ref().is_ok_and(|rows| {
        rows.rows
            .iter()
            .any(|row| row.iter().any(|cell| *cell != Cell::Null))
    })
}
