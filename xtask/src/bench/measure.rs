//! What benches share: the cost of a process as the kernel counts it, percentiles, and a table.

use anyhow::{Context, Result};
use std::time::Duration;

/// What a process has used up to now.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    pub cpu: Duration,
    /// Memory of its own that is not backed by a file: what cannot be dropped.
    pub anonymous_bytes: u64,
    /// Everything resident, shared pages included.
    pub resident_bytes: u64,
    /// Its proportional share of everything resident; none where the kernel does not say.
    pub proportional_bytes: Option<u64>,
    pub threads: u64,
}

impl Usage {
    /// Processor time since an earlier look.
    pub fn cpu_since(&self, earlier: &Usage) -> Duration {
        self.cpu.saturating_sub(earlier.cpu)
    }

    /// Reads `/proc/PID/{stat,status,smaps_rollup}` and the `schedstat` of its threads.
    pub fn of(process: u32) -> Result<Usage> {
        let read = |name: &str| {
            let path = format!("/proc/{process}/{name}");
            std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))
        };
        let rollup = read("smaps_rollup").ok();
        let mut usage = Usage::parse(&read("stat")?, &read("status")?, rollup.as_deref())
            .with_context(|| format!("reading the usage of process {process}"))?;
        // Ticks count threads that have ended too, but only to a hundredth of a second.
        usage.cpu = usage.cpu.max(scheduled(process).unwrap_or_default());
        Ok(usage)
    }

    fn parse(stat: &str, status: &str, rollup: Option<&str>) -> Result<Usage> {
        // The second field is the program's name in brackets, which may hold anything.
        let (_, fields) = stat.rsplit_once(") ").context("no program name in stat")?;
        let fields: Vec<&str> = fields.split(' ').collect();
        // proc(5): utime and stime are the 14th and 15th field, in clock ticks.
        let ticks = |field: usize| -> Result<Duration> {
            let ticks: u64 = fields.get(field - 3).context("stat is short")?.parse()?;
            Ok(Duration::from_millis(ticks * 1_000 / rustix::param::clock_ticks_per_second()))
        };
        Ok(Usage {
            cpu: ticks(14)? + ticks(15)?,
            anonymous_bytes: number(status, "RssAnon:").context("no RssAnon in status")? * 1024,
            resident_bytes: number(status, "VmRSS:").context("no VmRSS in status")? * 1024,
            proportional_bytes: rollup.and_then(|r| number(r, "Pss:")).map(|kib| kib * 1024),
            threads: number(status, "Threads:").context("no Threads in status")?,
        })
    }
}

/// Time on a processor of all threads that live; the kernel may not count it.
fn scheduled(process: u32) -> Option<Duration> {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).ok()?;
    let of = |thread: std::io::Result<std::fs::DirEntry>| -> Option<u64> {
        // A thread may end while it is looked at.
        let text = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse().ok()
    };
    Some(Duration::from_nanos(threads.filter_map(of).sum()))
}

/// The number after `key` at the beginning of a line.
fn number(text: &str, key: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(key))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// The value below which `part` (0 to 1) of them lie, by nearest rank. Sorts the values.
pub fn percentile(values: &mut [f64], part: f64) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let rank = (part * values.len() as f64).ceil() as usize;
    values.get(rank.max(1) - 1).copied()
}

/// A table for people: the first column to the left, the others to the right.
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(columns: &[&str]) -> Table {
        Table { rows: vec![columns.iter().map(|c| (*c).to_owned()).collect()] }
    }

    pub fn row(&mut self, cells: &[String]) {
        self.rows.push(cells.to_vec());
    }

    pub fn text(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                match column {
                    0 => line.push_str(&format!("{cell:<0$}", widths[0])),
                    _ => line.push_str(&format!("  {cell:>0$}", widths[column])),
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

pub fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / (1024.0 * 1024.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_s_files_are_read() {
        let stat = "7 (a) b) S 1 1 1 0 -1 0 0 0 0 0 250 50 0 0 20 0 1 0 1 1 1";
        let status = "Name:\ta\nVmRSS:\t  2048 kB\nRssAnon:\t 1024 kB\nThreads:\t3\n";
        let usage = Usage::parse(stat, status, Some("Rss: 9 kB\nPss:  4 kB\n")).unwrap();
        assert_eq!(
            usage.cpu,
            Duration::from_millis(300_000 / rustix::param::clock_ticks_per_second())
        );
        assert_eq!(usage.anonymous_bytes, 1024 * 1024);
        assert_eq!(usage.resident_bytes, 2048 * 1024);
        assert_eq!(usage.proportional_bytes, Some(4096));
        assert_eq!(usage.threads, 3);
        assert!(Usage::of(std::process::id()).unwrap().resident_bytes > 0);
    }

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let mut values = [5.0, 1.0, 4.0, 2.0, 3.0];
        assert_eq!(percentile(&mut values, 0.5), Some(3.0));
        assert_eq!(percentile(&mut values, 0.99), Some(5.0));
        assert_eq!(percentile(&mut values, 0.0), Some(1.0));
        assert_eq!(percentile(&mut [], 0.5), None);
    }

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(&["name", "n"]);
        table.row(&["a".to_owned(), "100".to_owned()]);
        assert_eq!(table.text(), "name    n\na     100\n");
    }
}
