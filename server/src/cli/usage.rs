//! `tidegate usage`: what calls of models used.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use clap::{Args, ValueEnum};
use comfy_table::{CellAlignment, Table, presets::UTF8_FULL_CONDENSED};
use serde_json::json;
use tidegate_schema::model::{UsageFilter, UsageGroup, UsageTotal};

use super::{app, caller, for_terminal, print, print_json, usage};
use crate::config::Config;

/// Show what calls of models used: how many there were, how many failed, and their tokens.
#[derive(Debug, Args)]
pub struct Usage {
    /// By what calls are added up.
    #[arg(long, value_enum, default_value_t = By::Key)]
    by: By,
    /// From when on: a day as 2026-11-01, or how long ago as 12h or 7d.
    #[arg(long, default_value = "30d")]
    since: String,
    /// The calls of one key alone, by id or by the prefix that `key list` shows.
    #[arg(long)]
    key: Option<String>,
    /// Print it as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum By {
    /// The key's name.
    Key,
    /// The model asked for.
    Model,
    /// The day, in UTC.
    Day,
}

impl Usage {
    /// Prints the sums.
    pub(super) async fn run(self, config: Config) -> anyhow::Result<()> {
        let app = app(config, false).await?;
        let since = read_since(&self.since, app.clock.now()).ok_or_else(|| {
            usage(format!(
                "--since: '{}' is neither a day as 2026-11-01 nor a time as 12h or 7d",
                self.since
            ))
        })?;
        let key = match &self.key {
            Some(name) => Some(app.keys().find(&caller(), name).await?.id),
            None => None,
        };
        let (group, heading) = match self.by {
            By::Key => (UsageGroup::Key, "key"),
            By::Model => (UsageGroup::Model, "model"),
            By::Day => (UsageGroup::Day, "day"),
        };
        let filter = UsageFilter {
            key,
            since: Some(since),
        };
        let totals = app.metering().totals(&caller(), filter, group).await?;
        if self.json {
            let rows = totals.iter().map(|total| {
                json!({
                    heading: total.name,
                    "calls": total.calls,
                    "failed": total.failed,
                    "prompt_tokens": total.prompt_tokens,
                    "completion_tokens": total.completion_tokens,
                })
            });
            return print_json(&rows.collect());
        }
        print(&format!("{}\n", table(heading, &totals)))
    }
}

fn table(heading: &str, totals: &[UsageTotal]) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_header([
        heading,
        "calls",
        "failed",
        "tokens read",
        "tokens written",
    ]);
    for total in totals {
        // Calls without a key have no name to show.
        let name = if total.name.is_empty() {
            "-".to_owned()
        } else {
            for_terminal(&total.name)
        };
        table.add_row([
            name,
            total.calls.to_string(),
            total.failed.to_string(),
            total.prompt_tokens.to_string(),
            total.completion_tokens.to_string(),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// A day, or so many hours or days ago.
fn read_since(text: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    if let Ok(day) = text.parse::<NaiveDate>() {
        return Some(day.and_hms_opt(0, 0, 0)?.and_utc());
    }
    let number = |unit: char| text.strip_suffix(unit)?.parse::<u32>().ok();
    let ago = match (number('h'), number('d')) {
        (Some(hours), _) => TimeDelta::try_hours(i64::from(hours))?,
        (None, Some(days)) => TimeDelta::try_days(i64::from(days))?,
        (None, None) => return None,
    };
    now.checked_sub_signed(ago)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_a_day_or_a_time_ago() {
        let now = DateTime::from_timestamp(1_795_000_000, 0).expect("a time");
        assert_eq!(read_since("12h", now), Some(now - TimeDelta::hours(12)));
        assert_eq!(read_since("7d", now), Some(now - TimeDelta::days(7)));
        let day = read_since("2026-11-01", now).expect("a day");
        assert_eq!(day.to_rfc3339(), "2026-11-01T00:00:00+00:00");
        for bad in ["", "7", "d", "-7d", "7w", "2026-13-01"] {
            assert_eq!(read_since(bad, now), None, "{bad}");
        }
    }

    #[test]
    fn calls_without_a_key_have_a_row_too() {
        let total = UsageTotal {
            calls: 3,
            prompt_tokens: 40,
            ..UsageTotal::default()
        };
        let shown = table("key", &[total]).to_string();
        let row = shown
            .lines()
            .find(|line| line.contains('3'))
            .expect("a row");
        assert!(row.contains('-') && row.contains("40"), "{shown}");
    }
}
