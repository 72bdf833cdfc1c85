//! `setup`: what tests and demo need from outside. Each part is quick when it was done before.

use crate::steps;
use crate::workspace::{Workspace, create_folder};
use anyhow::{Context, Result, bail};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::process::Command;

/// A program that tests start, or the file of a library, and the Debian package that has it.
const PACKAGES: [(&str, &str); 10] = [
    ("mosquitto", "mosquitto"),
    ("mosquitto_pub", "mosquitto-clients"),
    ("chromium", "chromium"),
    ("strace", "strace"),
    // Pairs of pseudo-terminals, as serial lines.
    ("socat", "socat"),
    // A file system that clones files, for power cuts.
    ("mkfs.btrfs", "btrfs-progs"),
    ("psql", "postgresql-client"),
    // What spreadsheets and reports read a database through.
    ("isql", "unixodbc"),
    ("/usr/share/psqlodbc/odbcinst.ini.template", "odbc-postgresql"),
    // A server that lookup tables are read from.
    ("pg_ctlcluster", "postgresql"),
];

/// Foreign programs of each protocol, as test counterparts: Modbus, MQTT, OPC UA (which needs
/// `cryptography`), IEC 104, S7, spreadsheets, Parquet, PostgreSQL, object storage and mail.
const PYTHON_PACKAGES: [&str; 15] = [
    "pymodbus==3.16.1",
    "pyserial==3.5",
    "paho-mqtt==2.1.0",
    "asyncua==2.1.0",
    "cryptography==50.0.2",
    "c104==2.2.1",
    "python-snap7==3.3.0",
    "openpyxl==3.1.5",
    "duckdb==2.0.0",
    "psycopg[binary]==3.3.9",
    "pg8000==1.31.6",
    "asyncpg==0.32.0",
    "sqlalchemy==2.1.9",
    "moto[s3,server]==5.2.5",
    "aiosmtpd==1.4.6",
];

const NODE_MAJOR_MIN: u32 = 20;
const PYTHON_MINOR_MIN: u32 = 11;

pub fn run(workspace: &Workspace) -> Result<()> {
    packages()?;
    python(workspace)?;
    console(workspace)?;
    eprintln!("setup: done");
    Ok(())
}

/// Debian's packages, when one of their programs is missing.
pub fn packages() -> Result<()> {
    let missing: Vec<&str> = PACKAGES
        .iter()
        .filter(|(program, _)| !steps::exists(program))
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    if !steps::exists("apt-get") {
        bail!("these programs are missing and there is no apt-get: install {names} by hand");
    }
    let root = rustix::process::geteuid().is_root();
    if !root && !steps::exists("sudo") {
        bail!("missing: {names}. As root, run: apt-get install {names}");
    }
    let apt = |arguments: &[&str]| {
        let mut command = Command::new(if root { "apt-get" } else { "sudo" });
        if !root {
            command.arg("apt-get");
        }
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    let mut install = vec!["install", "-y", "-q", "--no-install-recommends"];
    install.extend(&missing);
    eprintln!("setup: apt-get install {names} (1 minute)");
    if steps::run(&mut apt(&install)).is_err() {
        // The usual reason is a package list that is empty or out of date.
        eprintln!("setup: apt-get update");
        steps::run(&mut apt(&["update", "-q"]))?;
        steps::run(&mut apt(&install)).with_context(|| format!("installing {names}"))?;
    }
    Ok(())
}

/// `.venv` with the pinned packages.
pub fn python(workspace: &Workspace) -> Result<()> {
    let python = workspace.path(".venv/bin/python");
    let stamp = Stamp::new(workspace, "python", &PYTHON_PACKAGES.join(" "));
    if python.is_file() && stamp.is_fresh() {
        return Ok(());
    }
    let version = steps::output(workspace.command("python3").arg("--version"))
        .context("Python 3.11 or newer is needed; install python3 and python3-venv")?;
    let minor = version.trim().strip_prefix("Python 3.").and_then(leading_number);
    if minor.is_none_or(|minor| minor < PYTHON_MINOR_MIN) {
        bail!("python3 is {}; 3.{PYTHON_MINOR_MIN} or newer is needed", version.trim());
    }
    eprintln!("setup: Python packages into .venv (20 seconds the first time)");
    steps::run(workspace.command("python3").args(["-m", "venv", ".venv"]))
        .context("making .venv; on Debian the package python3-venv is needed")?;
    let mut install = workspace.command(&python);
    install.args(["-m", "pip", "install", "-q", "--disable-pip-version-check"]);
    install.args(PYTHON_PACKAGES);
    steps::run(&mut install)?;
    stamp.set()
}

/// The console's packages and its build, which the edge carries inside.
pub fn console(workspace: &Workspace) -> Result<()> {
    node()?;
    let lock = workspace.read("console/package-lock.json")?;
    let installed = Stamp::new(workspace, "npm", &lock);
    if !workspace.path("console/node_modules").is_dir() || !installed.is_fresh() {
        eprintln!("setup: npm ci (1 minute the first time)");
        steps::run(&mut workspace.npm(&["ci", "--no-audit", "--no-fund"]))?;
        installed.set()?;
    }
    let mut sources = String::new();
    for file in workspace.files()? {
        let part = file
            .strip_prefix("console/")
            .filter(|f| !["dist/", "e2e/", "mock/"].iter().any(|other| f.starts_with(other)));
        if part.is_some() {
            let bytes =
                std::fs::read(workspace.path(&file)).with_context(|| format!("reading {file}"))?;
            sources.push_str(&format!("{file} {:x}\n", fingerprint(&bytes)));
        }
    }
    let built = Stamp::new(workspace, "console", &sources);
    if !workspace.path("console/dist/index.html").is_file() || !built.is_fresh() {
        eprintln!("setup: building the console (10 seconds)");
        // Progress is no answer: a demo started by a program prints its one line and nothing else.
        steps::run(workspace.npm(&["run", "--silent", "build"]).stdout(std::io::stderr()))?;
        built.set()?;
    }
    Ok(())
}

fn node() -> Result<()> {
    let version = steps::output(Command::new("node").arg("--version"))
        .with_context(|| format!("Node.js {NODE_MAJOR_MIN} or newer is needed"))?;
    let major = version.trim().strip_prefix('v').and_then(leading_number);
    if major.is_none_or(|major| major < NODE_MAJOR_MIN) {
        bail!("node is {}; {NODE_MAJOR_MIN} or newer is needed", version.trim());
    }
    Ok(())
}

fn leading_number(text: &str) -> Option<u32> {
    text.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn fingerprint(content: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    hasher.finish()
}

/// Remembers, in `var/setup`, from which input a part was made.
struct Stamp {
    path: std::path::PathBuf,
    wanted: String,
}

impl Stamp {
    fn new(workspace: &Workspace, name: &str, input: &str) -> Stamp {
        let path = workspace.path(&format!("var/setup/{name}"));
        Stamp { path, wanted: format!("{:x}\n", fingerprint(input)) }
    }

    fn is_fresh(&self) -> bool {
        std::fs::read_to_string(&self.path).is_ok_and(|found| found == self.wanted)
    }

    fn set(&self) -> Result<()> {
        create_folder(self.path.parent().unwrap_or(Path::new(".")))?;
        std::fs::write(&self.path, &self.wanted)
            .with_context(|| format!("writing {}", self.path.display()))
    }
}
