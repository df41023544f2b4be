//! What the process takes of the machine, read when a scrape asks: memory, processor, files. By the names that
//! Prometheus' own clients use.

use std::fs;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
};

/// Ticks of a second in `/proc/self/stat`: 100 on every Linux there is, whatever its kernel counts by.
const TICKS: f64 = 100.0;

/// Reads them.
#[derive(Debug)]
pub(super) struct Process;

/// What was read; nothing of what this system does not tell.
#[derive(Debug, Default, PartialEq)]
struct Taken {
    resident_bytes: Option<i64>,
    virtual_bytes: Option<i64>,
    threads: Option<i64>,
    cpu_seconds: Option<f64>,
    open_files: Option<i64>,
    most_files: Option<i64>,
}

impl Taken {
    fn read() -> Self {
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        Self {
            // The folder that is being read is open too.
            open_files: fs::read_dir("/proc/self/fd")
                .ok()
                .map(|files| files.count().saturating_sub(1) as i64),
            most_files: most_files(&text("/proc/self/limits")),
            cpu_seconds: cpu_seconds(&text("/proc/self/stat")),
            ..Self::of_status(&text("/proc/self/status"))
        }
    }

    fn of_status(status: &str) -> Self {
        let number = |name: &str| {
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            line.split_whitespace().next()?.parse::<i64>().ok()
        };
        let bytes = |name: &str| number(name).map(|kilobytes| kilobytes.saturating_mul(1024));
        Self {
            resident_bytes: bytes("VmRSS"),
            virtual_bytes: bytes("VmSize"),
            threads: number("Threads"),
            ..Self::default()
        }
    }
}

/// Seconds of processor, the program's own and the system's for it. The program's name stands in parentheses and may
/// hold anything.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS)
}

fn most_files(limits: &str) -> Option<i64> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let taken = Taken::read();
        let gauges = [
            (
                "process_resident_memory_bytes",
                "Memory in use",
                taken.resident_bytes,
            ),
            (
                "process_virtual_memory_bytes",
                "Addresses in use",
                taken.virtual_bytes,
            ),
            ("process_threads", "Threads", taken.threads),
            (
                "process_open_fds",
                "Open files and sockets",
                taken.open_files,
            ),
            (
                "process_max_fds",
                "Files and sockets that may be open",
                taken.most_files,
            ),
        ];
        for (name, help, value) in gauges {
            if let Some(value) = value {
                let gauge = ConstGauge::new(value);
                let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
                gauge.encode(metric)?;
            }
        }
        if let Some(seconds) = taken.cpu_seconds {
            let counter = ConstCounter::new(seconds);
            let metric = encoder.encode_descriptor(
                "process_cpu_seconds",
                "Processor time taken",
                None,
                counter.metric_type(),
            )?;
            counter.encode(metric)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_linux_tells() {
        let status = "Name:\ttidegate\nVmSize:\t  2048 kB\nVmRSS:\t    12 kB\nThreads:\t7\n";
        assert_eq!(
            Taken::of_status(status),
            Taken {
                resident_bytes: Some(12 * 1024),
                virtual_bytes: Some(2048 * 1024),
                threads: Some(7),
                ..Taken::default()
            }
        );
        let stat = "12 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20";
        assert_eq!(cpu_seconds(stat), Some(2.0));
        assert_eq!(cpu_seconds(""), None);
        let limits =
            "Limit  Soft Limit  Hard Limit  Units\nMax open files    1024    524288    files\n";
        assert_eq!(most_files(limits), Some(1024));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_memory_and_files() {
        let taken = Taken::read();
        assert!(
            taken.resident_bytes.is_some_and(|bytes| bytes > 1 << 16),
            "{taken:?}"
        );
        assert!(
            taken.open_files.is_some_and(|files| files >= 1),
            "{taken:?}"
        );
        let text = super::super::shared().text().expect("text");
        assert!(text.contains("process_cpu_seconds_total "), "{text}");
        assert!(text.contains("process_resident_memory_bytes "), "{text}");
    }
}
