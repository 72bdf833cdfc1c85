//! `bench stop`: how soon the work for a heavy statement has ended once nobody wants its answer any
//! more: from hanging up, or from PostgreSQL's request to cancel, to the last time the kernel saw its
//! threads at work.

use super::measure::{Table, percentile};
use super::past::{PastEdge, Size};
use super::scan::get;
use crate::workspace::Workspace;
use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::io::Write as _;
use std::net::{Shutdown, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const GOAL_MS: f64 = 100.0;
/// At rest for so long, the work has ended.
const REST: Duration = Duration::from_millis(400);
const PATIENCE: Duration = Duration::from_secs(600);
/// What takes so long is not tried again.
const ENOUGH_MS: f64 = 5_000.0;
/// A statement is at work by then, or has ended.
const BEGIN: Duration = Duration::from_secs(30);
/// On a processor for so long, a statement reads history; and for so long, it joins what it has read.
const READS: Duration = Duration::from_millis(60);
const JOINS: Duration = Duration::from_millis(2_500);
const PASSWORD: &str = "long enough for a bench";

#[derive(clap::Parser)]
#[command(name = "cargo xtask bench stop")]
struct Arguments {
    /// Times that each statement is stopped
    #[arg(long, default_value_t = 15)]
    times: u32,
    #[command(flatten)]
    size: Size,
}

const STATEMENTS: [(&str, Duration, &str); 5] = [
    (
        "reading for a join",
        READS,
        "SELECT count(*) FROM samples a CROSS JOIN samples b WHERE a.value_f64 > b.value_f64 + 1e9",
    ),
    (
        "join of all with all",
        JOINS,
        "SELECT count(*) FROM samples a CROSS JOIN samples b \
         WHERE a.value_f64 * b.value_f64 > 1e9 AND a.value_f64 < b.value_f64",
    ),
    (
        "rows of a join",
        JOINS,
        "SELECT a.time, b.tag FROM samples a CROSS JOIN samples b WHERE a.value_f64 > b.value_f64 + 1e9",
    ),
    (
        "scan with a text of each",
        READS,
        "SELECT max(word) FROM (SELECT repeat(CAST(time AS varchar) || tag, 40) AS word FROM samples)",
    ),
    (
        "groups of many",
        READS,
        "SELECT date_trunc('hour', time), device, avg(value_f64), count(DISTINCT quality) \
         FROM samples GROUP BY 1, 2 ORDER BY 3",
    ),
];

pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let name = std::iter::once("stop".to_owned());
    let arguments = <Arguments as clap::Parser>::parse_from(name.chain(arguments.iter().cloned()));
    let mut edge = PastEdge::start(workspace, &arguments.size, &["--postgres", "127.0.0.1:0"])?;
    if let Some(made) = &edge.made {
        println!("history made: {made}");
    }
    let token = std::fs::read_to_string(edge.data.join("cli.token")).context("the edge's token")?;
    let peer = Peer { edge: &edge, token: token.trim().to_owned() };
    peer.set_up()?;
    let mut table = Table::new(&["work ends after", "median", "highest", "goal ≤ 100 ms"]);
    for (what, work, statement) in STATEMENTS {
        let mut row = |how: &str, measure: &dyn Fn() -> Result<Option<f64>>| -> Result<()> {
            let mut values = Vec::new();
            for _ in 0..arguments.times {
                values.extend(measure()?);
                if values.last().is_some_and(|ms| *ms > ENOUGH_MS) {
                    break;
                }
            }
            let shown = |value: Option<f64>| value.map_or("–".into(), |ms| format!("{ms:.1} ms"));
            let (median, most) = (percentile(&mut values, 0.5), percentile(&mut values, 1.0));
            let good = most.is_none_or(|most| most <= GOAL_MS);
            let good = if good { "yes" } else { "NO" };
            table.row(&[format!("{what}, {how}"), shown(median), shown(most), good.into()]);
            Ok(())
        };
        row("HTTP hung up", &|| peer.hang_up(statement, work))?;
        row("psql cancelled", &|| peer.psql(statement, work, Signal::INT))?;
        row("psql killed", &|| peer.psql(statement, work, Signal::KILL))?;
    }
    edge.end()?;
    println!("a dash: it had ended by itself before it was stopped");
    print!("{}", table.text());
    Ok(())
}

struct Peer<'a> {
    edge: &'a PastEdge,
    token: String,
}

impl Peer<'_> {
    /// The user with whom psql logs in.
    fn set_up(&self) -> Result<()> {
        let user = json!({ "username": "bench", "password": PASSWORD, "role": "viewer" });
        let stream = self.send("/api/v1/users", &user.to_string())?;
        let answer = std::io::read_to_string(stream).context("making a user")?;
        // It is there already when the data was kept.
        ensure!(answer.contains(" 200 ") || answer.contains(" 409 "), "{answer}");
        Ok(())
    }

    fn send(&self, path: &str, body: &str) -> Result<TcpStream> {
        let mut stream = TcpStream::connect(&self.edge.address).context("reaching the edge")?;
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\nContent-Type: application/json\
             \r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\r\n{body}",
            self.token,
            body.len()
        )
        .context("asking the edge")?;
        Ok(stream)
    }

    fn hang_up(&self, statement: &str, work: Duration) -> Result<Option<f64>> {
        let body = json!({ "query": statement, "timeout_ms": 300_000 }).to_string();
        let stream = self.send("/api/v1/sql", &body)?;
        if !self.at_work(work)? {
            return Ok(None);
        }
        let begun = Instant::now();
        stream.shutdown(Shutdown::Both).context("hanging up")?;
        drop(stream);
        self.rest_since(begun).map(Some)
    }

    fn psql(&self, statement: &str, work: Duration, signal: Signal) -> Result<Option<f64>> {
        let mut client = self.start_psql(statement)?;
        if !self.at_work(work)? {
            client.kill().ok();
            client.wait().context("waiting for psql")?;
            return Ok(None);
        }
        let begun = Instant::now();
        let id = Pid::from_raw(client.id() as i32).context("psql has no number")?;
        kill_process(id, signal).context("stopping psql")?;
        let rested = self.rest_since(begun)?;
        client.wait().context("waiting for psql")?;
        Ok(Some(rested))
    }

    fn start_psql(&self, statement: &str) -> Result<Child> {
        let port = self.edge.postgres.rsplit(':').next().unwrap_or_default();
        Command::new("psql")
            .args(["-X", "-q", "-h", "localhost", "-p", port, "-U", "bench", "-d", "tagwerk"])
            .args(["-c", statement])
            .env("PGPASSWORD", PASSWORD)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("starting psql")
    }

    /// Nanoseconds that the threads of statements have been on a processor.
    fn work(&self) -> Result<u64> {
        let tasks = format!("/proc/{}/task", self.edge.running.id());
        let mut sum = 0;
        for task in std::fs::read_dir(&tasks).with_context(|| format!("reading {tasks}"))? {
            let task = task?.path();
            // A thread may end while it is looked at.
            let read = |name: &str| std::fs::read_to_string(task.join(name)).unwrap_or_default();
            if read("comm").trim() == "sql" {
                let text = read("schedstat");
                sum += text.split(' ').next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
            }
        }
        Ok(sum)
    }

    /// Waits until the statement has worked for so long; false when it ends before.
    fn at_work(&self, wanted: Duration) -> Result<bool> {
        let before = u128::from(self.work()?);
        let (begun, mut last) = (Instant::now(), (Instant::now(), before));
        while begun.elapsed() < BEGIN && last.0.elapsed() < REST {
            let now = u128::from(self.work()?);
            if now > before + wanted.as_nanos() {
                return Ok(true);
            }
            if now != last.1 {
                last = (Instant::now(), now);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(false)
    }

    /// Milliseconds from `begun` to the last work that was seen.
    fn rest_since(&self, begun: Instant) -> Result<f64> {
        let (mut last, mut count) = (begun, self.work()?);
        while last.elapsed() < REST {
            ensure!(begun.elapsed() < PATIENCE, "the work did not end within {PATIENCE:?}");
            std::thread::sleep(Duration::from_micros(500));
            let now = self.work()?;
            if now != count {
                (last, count) = (Instant::now(), now);
            }
        }
        // It still answers.
        get(&self.edge.address, "/health/ready").context("the edge does not answer any more")?;
        Ok(last.duration_since(begun).as_secs_f64() * 1e3)
    }
}
