//! What it costs to stand between a caller and an upstream: the same requests asked of the upstream itself, through
//! the server, and through others of its trade.
//!
//! Caller, server and upstream are processes that share the same two processors. Full speed tells rates and processor
//! time; half of the server's own rate, asked of all by turns, tells what it adds to an answer's delay. Beside it stand
//! two that do nothing but pass on: how much of the figures is the machine's, whoever stands between.

mod helper;
mod limit;
mod open;
mod others;
mod paced;
mod place;
mod table;
mod upstream;

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, Result, ensure};
use clap::Args;

pub use self::{
    limit::{Limit, pass_on},
    upstream::serve,
};

use self::{
    helper::Helper,
    paced::Delays,
    place::{Form, Place, slow},
    table::{Added, Between, Row, SIXTEEN, head, hold, tell},
    upstream::base_url,
};
use super::{
    decode::progress,
    http::load::{self, Figures, Process, Request},
    rounds::{Budget, REST},
    say,
};

/// Asked ahead of each measurement, so that connections are open.
const WARM_UP: Duration = Duration::from_millis(300);
/// Most memory of an open stream, bytes.
const OPEN_BYTES: f64 = 40.0 * 1024.0;

/// Print what a relayed request costs beside the same request without anything between.
#[derive(Debug, Args)]
pub struct Relay {
    /// The server's program; `cargo xtask bench` builds it and names it here.
    #[arg(long, env = "TIDEGATE_BENCH_SERVER")]
    program: PathBuf,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Rounds; the best rates and the median delays of them are told.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Requests at a time.
    #[arg(long, value_delimiter = ',', default_value = "1,16,64,256")]
    at_once: Vec<usize>,
    /// Streams held open at once; 0 leaves that out.
    #[arg(long, default_value_t = 5000)]
    open: usize,
    /// Measure ours alone.
    #[arg(long)]
    alone: bool,
    /// LiteLLM's program; `cargo xtask bench` installs it and names it here.
    #[arg(long, env = "TIDEGATE_BENCH_LITELLM")]
    litellm: Option<PathBuf>,
    /// DB-GPT's program; `cargo xtask bench` installs it and names it here.
    #[arg(long, env = "TIDEGATE_BENCH_DBGPT")]
    dbgpt: Option<PathBuf>,
    /// Fail where a budget is missed.
    #[arg(long)]
    check: bool,
}

/// Measures and prints; with `--check`, fails where a budget is missed.
pub async fn run(options: Relay) -> Result<()> {
    options.check_arguments()?;
    open::raise_file_limit(options.open)?;
    let upstream = upstream::start()?;
    let ours = Place::ours(&options.program, &base_url(upstream.process()))?;
    for form in Form::ALL {
        ours.prove(form).await?;
    }
    let mut budget = Budget::default();
    head();
    let mut beside_others = Vec::new();
    for form in Form::ALL {
        for &at_once in &options.at_once {
            progress(&format!("{form}, {at_once} at a time"));
            let row = options.row(&upstream, &ours, form, at_once).await?;
            tell(form, at_once, &row);
            hold(&mut budget, form, at_once, &row);
            if at_once == SIXTEEN {
                beside_others.push((form, row.ours.figures.per_second));
            }
        }
    }
    if options.open > 0 {
        options.hold_open(&ours, &mut budget).await?;
    }
    // They take the processors even when they are not asked.
    drop(ours);
    options.others(&upstream, &beside_others, &mut budget).await;
    for line in budget.missed() {
        say(&format!("missed  {line}"));
    }
    ensure!(
        !options.check || budget.missed().is_empty(),
        "{} of the budgets above were missed",
        budget.missed().len()
    );
    Ok(())
}

impl Relay {
    fn check_arguments(&self) -> Result<()> {
        ensure!(self.rounds > 0, "--rounds is 0; one at least");
        ensure!(
            (0.1..=60.0).contains(&self.seconds),
            "--seconds lies between 0.1 and 60"
        );
        ensure!(
            !self.at_once.is_empty() && self.at_once.iter().all(|n| (1..=1024).contains(n)),
            "--at-once are numbers from 1 to 1024"
        );
        ensure!(
            self.open <= 20_000,
            "--open is {}; 20000 at most",
            self.open
        );
        Ok(())
    }

    fn time(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }

    async fn row(
        &self,
        upstream: &Helper,
        ours: &Place,
        form: Form,
        at_once: usize,
    ) -> Result<Row> {
        let request = form.request(ours.path);
        let limits = Limit::ALL.map(|limit| limit.start(upstream.process().address));
        let limits = limits.into_iter().collect::<Result<Vec<_>>>()?;
        // Who is asked, and by which way.
        let mut turns = vec![upstream.process()];
        turns.extend(limits.iter().map(Helper::process));
        turns.push(ours.process);
        let mut full: Vec<Vec<Figures>> = turns.iter().map(|_| Vec::new()).collect();
        for round in 0..self.rounds {
            let mut order: Vec<usize> = (0..turns.len()).collect();
            // Now one first, now the other: what else the machine does meets all.
            if !round.is_multiple_of(2) {
                order.reverse();
            }
            for nth in order {
                full[nth].push(self.full(turns[nth], &request, at_once).await?);
            }
        }
        let mut best = full.into_iter().map(best).collect::<Result<Vec<_>>>()?;
        let rate = best.last().map_or(f64::NAN, |ours| ours.per_second) / 2.0;
        let mut delays: Vec<Vec<Delays>> = Vec::new();
        for _ in 0..self.rounds {
            let mut round = Vec::with_capacity(turns.len());
            for &process in &turns {
                round.push(self.paced(process, &request, at_once, rate).await?);
            }
            delays.push(round);
        }
        let direct = best.remove(0);
        let mut between = best.into_iter().enumerate().map(|(nth, figures)| Between {
            figures,
            added: added(&delays, nth + 1),
        });
        let limits = Limit::ALL.into_iter().zip(between.by_ref()).collect();
        let ours = between.next().context("ours was measured")?;
        Ok(Row {
            direct,
            limits,
            ours,
        })
    }

    /// As many requests as it can.
    async fn full(&self, process: Process, request: &Request, at_once: usize) -> Result<Figures> {
        load::measure(process, request, at_once, WARM_UP).await?;
        tokio::time::sleep(REST).await;
        load::measure(process, request, at_once, self.time()).await
    }

    async fn paced(
        &self,
        process: Process,
        request: &Request,
        at_once: usize,
        per_second: f64,
    ) -> Result<Delays> {
        let (request, time) = (request.clone(), self.time());
        tokio::time::sleep(REST).await;
        let measuring = move || paced::measure(process, &request, at_once, per_second, time);
        tokio::task::spawn_blocking(measuring).await?
    }

    async fn hold_open(&self, ours: &Place, budget: &mut Budget) -> Result<()> {
        progress(&format!("{} streams at once", self.open));
        let held = open::measure(ours.process, &slow(ours.path), self.open).await?;
        say(&format!(
            "\n{} streams open at once: {:.1} KiB of the server's memory each, {} lost, all begun within {:.1} s",
            self.open,
            held.bytes_each / 1024.0,
            held.lost.len(),
            held.opened_in.as_secs_f64()
        ));
        if let Some(why) = held.lost.first() {
            say(&format!("lost  {why}"));
        }
        budget.at_most("bytes of an open stream", Some(held.bytes_each), OPEN_BYTES);
        budget.at_most("open streams lost", Some(held.lost.len() as f64), 0.0);
        Ok(())
    }
}

/// The figures of the round with the highest rate.
fn best(rounds: Vec<Figures>) -> Result<Figures> {
    rounds
        .into_iter()
        .max_by(|a, b| a.per_second.total_cmp(&b.per_second))
        .context("a round at least")
}

/// What the nth adds to the delays of the one that is asked first in each round.
fn added(rounds: &[Vec<Delays>], nth: usize) -> Added {
    let pairs: Vec<(Delays, Delays)> = rounds
        .iter()
        .filter_map(|round| Some((*round.first()?, *round.get(nth)?)))
        .collect();
    Added {
        first_p50: median(&pairs, |delays| delays.first.p50),
        first_p99: median(&pairs, |delays| delays.first.p99),
        whole_p50: median(&pairs, |delays| delays.whole.p50),
    }
}

/// What relaying adds to one of the delays: the one in the middle of the rounds.
fn median(rounds: &[(Delays, Delays)], delay: impl Fn(&Delays) -> f64) -> f64 {
    let mut added: Vec<f64> = rounds
        .iter()
        .map(|(plain, relayed)| delay(relayed) - delay(plain))
        .collect();
    added.sort_by(f64::total_cmp);
    added.get(added.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::{paced::Percentiles, *};

    fn delays(first: f64) -> Delays {
        let of = Percentiles {
            p50: first,
            p99: 2.0 * first,
        };
        Delays {
            first: of,
            whole: of,
        }
    }

    #[test]
    fn what_is_added_is_the_middle_of_the_rounds() {
        let rounds = [(1.0, 9.0), (1.0, 1.2), (1.0, 1.1)]
            .map(|(plain, relayed)| (delays(plain), delays(relayed)));
        let p50 = median(&rounds, |delays| delays.first.p50);
        assert!((p50 - 0.2).abs() < 1e-9, "{p50}");
        assert!(median(&[], |delays| delays.first.p50).is_nan());
    }
}
