//! Others of the trade, measured over the same upstream where they can be had.

use super::{
    Relay,
    helper::Helper,
    place::{Absent, Form, Place, named},
    table::SIXTEEN,
    upstream::base_url,
};
use crate::bench::{decode::progress, rounds::Budget, say};

/// Who else stands between callers and upstreams.
#[derive(Debug, Clone, Copy)]
enum Other {
    LiteLlm,
    Dbgpt,
}

impl Other {
    fn name(self) -> &'static str {
        match self {
            Self::LiteLlm => "LiteLLM",
            Self::Dbgpt => "DB-GPT",
        }
    }

    /// How many times as fast ours is to be.
    fn times(self, form: Form) -> f64 {
        match (self, form) {
            (Self::LiteLlm, Form::Whole) => 60.0,
            (Self::LiteLlm, Form::Stream) => 45.0,
            (Self::Dbgpt, Form::Whole) => 400.0,
            (Self::Dbgpt, Form::Stream) => 100.0,
        }
    }

    /// Starts it and asks it once in each form.
    async fn start(self, options: &Relay, base_url: &str) -> Result<Place, Absent> {
        let place = match self {
            Self::LiteLlm => {
                let program = options.litellm.as_deref();
                let program = named(self.name(), "TIDEGATE_BENCH_LITELLM", program)?;
                Place::litellm(program, base_url).await
            }
            Self::Dbgpt => {
                let program = named(
                    self.name(),
                    "TIDEGATE_BENCH_DBGPT",
                    options.dbgpt.as_deref(),
                )?;
                Place::dbgpt(program, base_url).await
            }
        };
        let proven = async {
            let place = place?;
            for form in Form::ALL {
                place.prove(form).await?;
            }
            anyhow::Ok(place)
        };
        proven.await.map_err(|error| Absent {
            name: self.name(),
            reason: format!("{error:#}"),
        })
    }
}

impl Relay {
    /// The others, one at a time; who cannot be had is said and left out.
    pub(super) async fn others(
        &self,
        upstream: &Helper,
        ours: &[(Form, f64)],
        budget: &mut Budget,
    ) {
        if self.alone || ours.is_empty() {
            say("\nleft out  all others: --alone, or --at-once without 16");
            return;
        }
        say(&format!(
            "\n{:<8} {:<9} {:>9} {:>9} {:>9} {:>12}",
            "form", "server", "per s", "p50 ms", "p99 ms", "ours, times"
        ));
        for other in [Other::LiteLlm, Other::Dbgpt] {
            progress(&format!("starting {}", other.name()));
            let started = other.start(self, &base_url(upstream.process())).await;
            let place = match started {
                Ok(place) => place,
                Err(absent) => {
                    say(&format!("left out  {}: {}", absent.name, absent.reason));
                    continue;
                }
            };
            for &(form, per_second) in ours {
                let request = form.request(place.path);
                let figures = self.full(place.process, &request, SIXTEEN).await;
                let figures = match figures {
                    Ok(figures) => figures,
                    Err(error) => {
                        say(&format!("left out  {}, {form}: {error:#}", place.name));
                        continue;
                    }
                };
                let times = per_second / figures.per_second;
                say(&format!(
                    "{form:<8} {:<9} {:>9.1} {:>9.1} {:>9.1} {times:>12.0}",
                    place.name, figures.per_second, figures.p50_ms, figures.p99_ms
                ));
                let what = format!("{form}, times the rate of {}", place.name);
                budget.at_least(&what, Some(times), other.times(form));
            }
        }
    }
}
