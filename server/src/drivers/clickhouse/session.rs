//! What a server told about itself, and the settings its queries are sent with.
//!
//! A query's settings travel with it. With `readonly = 1` among them the server takes the others too, as long as
//! the user's own profile is free to change settings: it looks at what held before the request.

use std::{collections::HashMap, time::Duration};

use tidegate_schema::Result;

use super::{
    cells,
    http::{Failure, Server},
};

/// How answers are to read, wherever a server knows the setting and has it otherwise.
const WANTED: &[(&str, &str)] = &[
    ("bool_false_representation", "false"),
    ("bool_true_representation", "true"),
    ("cancel_http_readonly_queries_on_client_close", "1"),
    ("date_time_output_format", "simple"),
    ("enable_http_compression", "0"),
    ("extremes", "0"),
    ("format_tsv_null_representation", r"\N"),
    ("http_wait_end_of_query", "0"),
    ("http_write_exception_in_output_format", "0"),
    ("output_format_decimal_trailing_zeros", "1"),
    ("output_format_tsv_crlf_end_of_line", "0"),
    ("output_format_tsv_null_representation", r"\N"),
    ("send_progress_in_http_headers", "0"),
];

/// The server's clock runs so much longer than ours: ours decides, its own stops what we lost sight of.
const GRACE: Duration = Duration::from_secs(2);

/// A longer run than a day is not asked for.
const MAX_SECONDS: u64 = 86_400;

/// What is known of a server and the user there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Session {
    /// Year and month of the release.
    version: (u32, u32),
    /// Of the user's profile: 0 may do anything, 1 may read, 2 may read and change settings.
    readonly: u8,
    /// Seconds the profile allows a query; 0 for no limit.
    max_seconds: u64,
    /// Settings to send with every query.
    changes: Vec<(String, String)>,
    /// Whether a mutation can be waited for.
    waits_for_mutations: bool,
}

impl Session {
    /// Asks the server. Proves that it answers and knows user and database.
    pub(super) async fn learn(server: &Server) -> Result<Self> {
        let limit = server.connect_timeout();
        let asking = async {
            let id = Server::new_id();
            let sent = server.post(question(), &id, "TabSeparated", &[]);
            let response = sent.await.map_err(|error| server.transport(error))?;
            let status = response.status();
            match server.accept(response).await {
                Ok(mut response) => {
                    let text = server.short(&mut response).await;
                    Self::read(&text).ok_or_else(|| server.stranger(status, &text))
                }
                // Who may not see the settings can still be served with what every server has.
                Err(Failure::Server(exception)) if exception.is_denied() => Ok(Self::unknown()),
                Err(failure) => Err(failure.explain(&server.told(limit))),
            }
        };
        tokio::time::timeout(limit, asking)
            .await
            .map_err(|_| server.late_connecting(limit))?
    }

    /// Reads lines of name, value and version; nothing if they are not what was asked for.
    fn read(text: &str) -> Option<Self> {
        let mut settings = HashMap::new();
        let mut version = None;
        for line in text.lines() {
            let mut fields = line.split('\t').map(|field| {
                String::from_utf8_lossy(&cells::unescape(field.as_bytes())).into_owned()
            });
            settings.insert(fields.next()?, fields.next()?);
            let mut numbers = fields.next()?;
            numbers.push_str(".0");
            let mut numbers = numbers.split('.').map(str::parse);
            version = Some((numbers.next()?.ok()?, numbers.next()?.ok()?));
        }
        let readonly = settings.get("readonly")?.parse().ok()?;
        let seconds = settings.get("max_execution_time").map(String::as_str);
        let seconds: f64 = seconds.unwrap_or("0").parse().ok()?;
        let differs = |name: &str, value: &str| settings.get(name).is_some_and(|is| is != value);
        let mut changes: Vec<(String, String)> = WANTED
            .iter()
            .filter(|(name, value)| differs(name, value))
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        // A profile may have results cut in silence. That is an error here, as it would be taken for all there is.
        let cut = settings
            .iter()
            .filter(|(name, value)| name.ends_with("overflow_mode") && *value != "throw")
            .map(|(name, _)| (name.clone(), "throw".to_owned()));
        changes.extend(cut);
        changes.sort();
        Some(Self {
            version: version?,
            readonly,
            max_seconds: seconds.ceil() as u64,
            changes,
            waits_for_mutations: settings.contains_key("mutations_sync"),
        })
    }

    fn unknown() -> Self {
        Self {
            version: (22, 0),
            readonly: 0,
            max_seconds: 0,
            changes: vec![("extremes".into(), "0".into())],
            waits_for_mutations: false,
        }
    }

    /// Whether the server has `EXPLAIN`.
    pub(super) fn explains(&self) -> bool {
        self.version >= (20, 6)
    }

    /// How long the server lets a query run that may take so long.
    pub(super) fn limit(&self, time: Duration) -> Duration {
        match self.max_seconds {
            0 => time,
            seconds => time.min(Duration::from_secs(seconds)),
        }
    }

    /// The settings of a query: it only reads, and not for longer than so long.
    pub(super) fn reading(&self, time: Duration) -> Vec<(String, String)> {
        // Such a profile takes no settings; it reads only, and our own clock has to do.
        if self.readonly == 1 {
            return Vec::new();
        }
        let mut settings = self.timed(time);
        if self.readonly == 0 {
            settings.push(("readonly".into(), "1".into()));
        }
        settings
    }

    /// The settings of a statement that writes; nothing if the user may only read.
    pub(super) fn writing(&self, time: Duration) -> Option<Vec<(String, String)>> {
        if self.readonly != 0 {
            return None;
        }
        let mut settings = self.timed(time);
        if self.waits_for_mutations {
            settings.push(("mutations_sync".into(), "1".into()));
        }
        // Servers that count the rows written say so at the end only.
        if self.version >= (20, 1) {
            settings.push(("wait_end_of_query".into(), "1".into()));
        }
        Some(settings)
    }

    fn timed(&self, time: Duration) -> Vec<(String, String)> {
        let seconds = time.saturating_add(GRACE).as_secs().saturating_add(1);
        let seconds = match self.max_seconds {
            0 => seconds,
            most => seconds.min(most),
        };
        let mut settings = self.changes.clone();
        settings.push((
            "max_execution_time".into(),
            seconds.min(MAX_SECONDS).to_string(),
        ));
        settings
    }
}

/// Asks for the settings that matter here, as they are in the user's profile.
///
/// Servers refuse a setting that they do not know, and every version has others.
fn question() -> String {
    let names: Vec<String> = WANTED.iter().map(|(name, _)| format!("'{name}'")).collect();
    format!(
        "SELECT name, value, version() FROM system.settings WHERE name LIKE '%overflow_mode' \
         OR name IN ('readonly', 'max_execution_time', 'mutations_sync', {})",
        names.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn has(settings: &[(String, String)], name: &str, value: &str) -> bool {
        settings.contains(&(name.to_owned(), value.to_owned()))
    }

    #[test]
    fn only_known_settings_that_differ_are_sent() {
        let text = "readonly\t0\t18.16.1\nmax_execution_time\t0\t18.16.1\nextremes\t1\t18.16.1\n\
                    result_overflow_mode\tbreak\t18.16.1\nread_overflow_mode\tthrow\t18.16.1\n";
        let session = Session::read(text).expect("read");
        let settings = session.reading(SECOND);
        assert_eq!(settings.len(), 4, "{settings:?}");
        assert!(has(&settings, "extremes", "0"));
        assert!(has(&settings, "result_overflow_mode", "throw"));
        assert!(has(&settings, "max_execution_time", "4"));
        assert!(has(&settings, "readonly", "1"));
        assert!(!session.explains());
        let writing = session.writing(SECOND).expect("may write");
        assert!(
            !writing
                .iter()
                .any(|(name, _)| name == "readonly" || name == "wait_end_of_query")
        );

        let text = "readonly\t0\t24.8.1.2684\nformat_tsv_null_representation\tNULL\t24.8.1.2684\n\
                    mutations_sync\t0\t24.8.1.2684\nbool_true_representation\ttrue\t24.8.1.2684\n";
        let session = Session::read(text).expect("read");
        assert!(session.explains());
        let settings = session.reading(SECOND);
        assert!(has(&settings, "format_tsv_null_representation", r"\N"));
        assert!(
            !settings
                .iter()
                .any(|(name, _)| name == "bool_true_representation")
        );
        let writing = session.writing(SECOND).expect("may write");
        assert!(has(&writing, "mutations_sync", "1") && has(&writing, "wait_end_of_query", "1"));
    }

    #[test]
    fn a_profile_that_only_reads_is_left_alone() {
        let session = Session::read("readonly\t1\t23.1\nextremes\t1\t23.1\n").expect("read");
        assert!(session.reading(SECOND).is_empty());
        assert_eq!(session.writing(SECOND), None);
        let session = Session::read("readonly\t2\t23.1\nextremes\t1\t23.1\n").expect("read");
        let settings = session.reading(SECOND);
        assert!(has(&settings, "extremes", "0"));
        assert!(!settings.iter().any(|(name, _)| name == "readonly"));
        assert_eq!(session.writing(SECOND), None);
    }

    #[test]
    fn the_profiles_own_limit_is_kept() {
        let session =
            Session::read("readonly\t0\t23.1\nmax_execution_time\t2\t23.1\n").expect("read");
        assert!(has(
            &session.reading(SECOND * 60),
            "max_execution_time",
            "2"
        ));
        assert_eq!(session.limit(SECOND * 60), SECOND * 2);
        assert_eq!(session.limit(SECOND), SECOND);
        let session = Session::read("readonly\t0\t23.1\n").expect("read");
        assert!(has(
            &session.reading(Duration::MAX),
            "max_execution_time",
            "86400"
        ));
    }

    #[test]
    fn what_is_no_answer_is_not_read() {
        for text in [
            "",
            "Ok.\n",
            "<html>\n<body>\n",
            "a\tb\n",
            "readonly\t0\tnew\n",
            "x\t0\t23.1\n",
        ] {
            assert_eq!(Session::read(text), None, "{text}");
        }
    }
}
