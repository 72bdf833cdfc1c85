//! What this process takes of the machine, from /proc.

use std::path::Path;
use tagwerk_env::{Access, Disk};

/// Longest of the files read here; the kernel reports their length as 0.
const PROC_BYTES_MAX: usize = 8 * 1024;
/// Clock ticks per second in /proc/self/stat: USER_HZ, 100 on every Linux that this runs on.
const TICKS_PER_SECOND: f64 = 100.0;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    pub anonymous_bytes: u64,
    pub total_bytes: u64,
    pub cpu_seconds: f64,
    pub threads: u64,
}

impl Usage {
    /// Zeros where /proc does not tell.
    pub fn of_this_process(disk: &dyn Disk) -> Usage {
        let status = read(disk, "/proc/self/status");
        let stat = read(disk, "/proc/self/stat");
        Usage::parse(&status, &stat)
    }

    fn parse(status: &str, stat: &str) -> Usage {
        let number = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        // The second field, the program's name, may contain anything; count after its end.
        let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let ticks: u64 = after_name
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|field| field.parse::<u64>().ok())
            .sum();
        Usage {
            anonymous_bytes: number("RssAnon:").unwrap_or(0) * 1024,
            total_bytes: number("VmRSS:").unwrap_or(0) * 1024,
            cpu_seconds: ticks as f64 / TICKS_PER_SECOND,
            threads: number("Threads:").unwrap_or(0),
        }
    }
}

/// The machine's name, where it has one that can stand in a certificate or a configuration.
pub fn host_name(disk: &dyn Disk) -> Option<String> {
    let text = read(disk, "/proc/sys/kernel/hostname");
    let name = text.trim();
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    (plain && !name.is_empty()).then(|| name.to_owned())
}

fn read(disk: &dyn Disk, path: &str) -> String {
    let mut buffer = vec![0; PROC_BYTES_MAX];
    let length = disk
        .open(Path::new(path), Access::Read)
        .and_then(|file| file.read_at(&mut buffer, 0))
        .unwrap_or(0);
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_read_from_what_the_kernel_writes() {
        let status = "Name:\ttagwerk\nVmRSS:\t  20480 kB\nRssAnon:\t   9216 kB\nThreads:\t7\n";
        let stat = "42 (tag) werk) S 1 42 42 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 7 0 100 0";
        let usage = Usage::parse(status, stat);
        assert_eq!(usage.anonymous_bytes, 9 << 20);
        assert_eq!(usage.total_bytes, 20 << 20);
        assert_eq!(usage.cpu_seconds, 2.0);
        assert_eq!(usage.threads, 7);
        assert_eq!(Usage::parse("", ""), Usage::default());
    }
}
