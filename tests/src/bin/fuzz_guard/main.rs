//! `fuzz_guard`: statements of the guard's case lists, torn up and joined at random, against the guard.
//!
//! Nothing may make the guard panic or think for long, and what it allows is looked at once more by a reader that
//! shares no code with it. `cargo xtask fuzz guard --seconds 600` runs it.

mod check;
mod corpus;
mod lexer;
mod mutate;

use std::{
    io::Write as _,
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Parser;
use tidegate_schema::model::Dialect;

use check::Checker;
use mutate::Dice;

/// Tear up the guard's cases and look at what it makes of them.
#[derive(Debug, Parser)]
#[command(name = "fuzz_guard")]
struct Cli {
    /// How long.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Where the dice begin; the same seed gives the same statements.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What came of a run.
#[derive(Debug, Default)]
struct Outcome {
    /// Statements judged.
    tried: u64,
    /// Those allowed, by the place of their dialect in [`Dialect::ALL`].
    allowed: [u64; 6],
    /// What broke a rule: dialect, statement, rule.
    faults: Vec<String>,
}

/// Faults after which there is no use in going on.
const MAX_FAULTS: usize = 20;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let told = run(
        Duration::from_secs(cli.seconds),
        cli.seed,
        Duration::from_secs(1),
    )
    .and_then(|outcome| {
        let mut out = std::io::stdout().lock();
        for fault in &outcome.faults {
            writeln!(out, "{fault}\n")?;
        }
        writeln!(
            out,
            "{} statements, {} allowed, {} faults (seed {})",
            outcome.tried,
            outcome.allowed.iter().sum::<u64>(),
            outcome.faults.len(),
            cli.seed
        )?;
        Ok(outcome.faults.is_empty())
    });
    match told {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // There is nowhere left to complain to if this fails.
            let _ = writeln!(std::io::stderr(), "{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs for so long; a statement that takes longer than `patience` to judge is a fault.
fn run(time: Duration, seed: u64, patience: Duration) -> anyhow::Result<Outcome> {
    let checker = Checker::new(patience)?;
    let corpus = corpus::statements();
    let mut dice = Dice::new(seed);
    let mut outcome = Outcome::default();
    let begun = Instant::now();
    while begun.elapsed() < time && outcome.faults.len() < MAX_FAULTS {
        let at = dice.below(Dialect::ALL.len());
        let dialect = Dialect::ALL[at];
        let sql = mutate::statement(&mut dice, &corpus, dialect);
        outcome.tried += 1;
        match checker.check(&sql, dialect) {
            Ok(allowed) => outcome.allowed[at] += u64::from(allowed),
            Err(rule) => outcome.faults.push(format!("{dialect:?}: {rule}\n{sql:?}")),
        }
    }
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_seconds_find_nothing() {
        // A loaded machine may leave a thread waiting.
        let outcome =
            run(Duration::from_secs(5), 20_261_125, Duration::from_secs(10)).expect("runs");
        assert!(outcome.faults.is_empty(), "{}", outcome.faults.join("\n\n"));
        assert!(outcome.tried > 200, "{outcome:?}");
        assert!(
            outcome.allowed.iter().sum::<u64>() > outcome.tried / 50,
            "the mutations leave nothing that is allowed: {outcome:?}"
        );
    }

    #[test]
    fn every_read_of_the_lists_passes_the_other_reader_too() {
        let checker = Checker::new(Duration::from_secs(10)).expect("made");
        for case in corpus::statements().iter().filter(|case| case.is_read) {
            for dialect in &case.dialects {
                let allowed = checker.check(case.sql, *dialect);
                assert_eq!(allowed, Ok(true), "{dialect:?}: {}", case.sql);
            }
        }
    }

    #[test]
    fn the_other_reader_finds_what_the_guard_should_have_refused() {
        for (sql, dialect) in [
            ("SELECT 1; SELECT 2", Dialect::Sqlite),
            ("DROP TABLE a", Dialect::Postgres),
            ("SELECT 'a', load_extension('x')", Dialect::Sqlite),
            ("SELECT a FROM t WHERE pg_sleep (1) = 1", Dialect::Postgres),
            ("SELECT 1 # '\n, sleep(1) -- '", Dialect::MySql),
            ("SELECT '\\'', sleep(1)", Dialect::MySql),
            ("SELECT * FROM `url`('x')", Dialect::ClickHouse),
            ("SELECT 1 DROP TABLE t", Dialect::TransactSql),
            ("SELECT * FROM read_csv('x')", Dialect::DuckDb),
            ("SELECT 'open", Dialect::Sqlite),
        ] {
            assert!(
                check::looks_harmless(sql, dialect, false).is_err(),
                "{dialect:?}: {sql}"
            );
        }
    }
}
