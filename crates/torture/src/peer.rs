//! Foreign servers as processes of their own.

use anyhow::{Context, Result, bail};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// How long a server may take to start.
const START_MAX: Duration = Duration::from_secs(30);

pub struct Peers {
    python: PathBuf,
    script: PathBuf,
}

/// A running server; killed when dropped.
pub struct Peer {
    child: Child,
}

impl Peers {
    pub fn new(python: &Path, script: &Path) -> Peers {
        Peers { python: python.to_owned(), script: script.to_owned() }
    }

    /// Starts a server and waits until it serves.
    pub async fn start(&self, protocol: &str, port: u16, empty: bool) -> Result<Peer> {
        let mut command = Command::new(&self.python);
        command.arg(&self.script).arg(protocol).arg(port.to_string());
        if empty {
            command.arg("--empty");
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {}", self.python.display()))?;
        let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        let line = tokio::time::timeout(START_MAX, lines.next_line()).await;
        match line.with_context(|| format!("the {protocol} server said nothing"))?? {
            Some(line) if line == "ready" => Ok(Peer { child }),
            other => bail!("the {protocol} server did not start: {other:?}"),
        }
    }
}

impl Peer {
    /// Ends it as a power cut would.
    pub async fn kill(mut self) -> Result<()> {
        self.child.kill().await.context("killing a server")
    }
}

/// A port that was free a moment ago, for a server that cannot choose one by itself.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
