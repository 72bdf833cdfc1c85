//! `demo`: a simulated plant, and an edge that polls it, until Ctrl-C.

use crate::process::Running;
use crate::setup;
use crate::steps;
use crate::workspace::{Workspace, create_folder};
use anyhow::{Context, Result, anyhow, bail};
use serde_json::json;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Where the console is to be found, unless the port is taken.
const PORT: u16 = 8080;
/// The plant's port in `examples/plant.yaml`.
const PLANT_PORT: u16 = 5020;
/// How long the edge may take to be ready; a debug build on a busy machine takes a few seconds.
const READY: Duration = Duration::from_secs(60);

#[derive(clap::Args)]
pub struct Args {
    /// Forget the last demo: its users, configuration and data
    #[arg(long)]
    pub fresh: bool,
    /// Print one line of JSON when ready, for programs
    #[arg(long)]
    pub ready_json: bool,
}

pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    setup::console(workspace)?;
    if let Err(error) = setup::python(workspace) {
        eprintln!("demo: without the press line, which needs Python packages: {error:#}");
    }
    build(workspace)?;
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, stop.clone()).context("watching for Ctrl-C")?;
    }
    let mut demo =
        Demo::start(workspace, &Folder::named(workspace, "demo"), Fresh::of(args.fresh))?;
    if args.ready_json {
        println!("{}", demo.ready_json());
    } else {
        demo.greet();
    }
    while !stop.load(Ordering::Relaxed) {
        demo.check()?;
        std::thread::sleep(Duration::from_millis(50));
    }
    eprintln!("\nending the edge and the plant");
    demo.end()
}

pub fn build(workspace: &Workspace) -> Result<()> {
    // All of it: packages chosen by name would be built once more, with other features.
    eprintln!("demo: building (some minutes the first time)");
    steps::run(&mut workspace.cargo(&["build", "--workspace"]))
}

/// Whether what the last run left is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fresh {
    Keep,
    Wipe,
}

impl Fresh {
    fn of(fresh: bool) -> Fresh {
        if fresh { Fresh::Wipe } else { Fresh::Keep }
    }
}

/// A scratch folder under `var/`.
pub struct Folder(PathBuf);

impl Folder {
    pub fn named(workspace: &Workspace, name: &str) -> Folder {
        Folder(workspace.path("var").join(name))
    }

    fn data(&self) -> PathBuf {
        self.0.join("data")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

/// A running demo; both programs end with it.
pub struct Demo {
    // In this order: the edge ends before the plant that it polls.
    edge: Running,
    plant: Running,
    /// A foreign OPC UA server, where its packages could be had.
    press_line: Option<PressLine>,
    /// Where the plant's messages go, where the machine has a broker.
    broker: Option<Broker>,
    console: String,
    setup: Option<String>,
    plant_control: String,
    log: PathBuf,
}

impl Demo {
    pub fn start(workspace: &Workspace, folder: &Folder, fresh: Fresh) -> Result<Demo> {
        if fresh == Fresh::Wipe && folder.0.exists() {
            std::fs::remove_dir_all(&folder.0)
                .with_context(|| format!("removing {}", folder.0.display()))?;
        }
        create_folder(&folder.data())?;
        let (plant, ready) = start_plant(workspace, folder)?;
        let port = port_of(&ready, "modbus")?;
        let moved = remember_port(folder, port)?;
        let press_line = PressLine::start(workspace, folder)?;
        let broker = Broker::start(workspace, folder)?;
        let config = write_config(workspace, folder, port, (&press_line, &broker))?;

        make_past(workspace, folder, &config)?;
        let address = free_address()?;
        let log = folder.file("edge.log");
        let mut command = workspace.command(workspace.program("tagwerk"));
        command.arg("run").arg("--data").arg(folder.data());
        command.arg("--listen").arg(address.to_string()).arg("--initial-config").arg(&config);
        let mut edge = Running::start("tagwerk", command.arg("--ready-json"), &log)?;
        // The link that sets the first password, as long as nobody has.
        let setup = edge.ready_line()?["setup"].as_str().map(str::to_owned);
        wait_until_ready(&mut edge, address, &log)?;
        if moved {
            apply(workspace, folder, address, &config)?;
        }
        let plant_control = format!("http://{}", text_of(&ready, "control")?);
        let console = format!("http://{address}");
        Ok(Demo { edge, plant, press_line, broker, console, setup, plant_control, log })
    }

    pub fn console(&self) -> &str {
        &self.console
    }

    /// The link that sets the first password; none once it is set.
    pub fn setup(&self) -> Option<&str> {
        self.setup.as_deref()
    }

    pub fn plant_control(&self) -> &str {
        &self.plant_control
    }

    fn ready_json(&self) -> serde_json::Value {
        json!({ "console": self.console, "setup": self.setup, "plant_control": self.plant_control })
    }

    fn greet(&self) {
        println!(
            "\nThe demo runs: a plant of four simulated devices, and an edge that polls them.\n"
        );
        if let Some(line) = &self.press_line {
            println!("  press line     OPC UA at opc.tcp://127.0.0.1:{}", line.port);
        }
        if let Some(broker) = &self.broker {
            println!("  broker         MQTT at mqtt://127.0.0.1:{}, topic plant/#", broker.port);
        }
        println!("  console        {}", self.console);
        match &self.setup {
            Some(link) => println!("  first log-in   {link}"),
            None => println!("  log in with the user you made before (--fresh starts anew)"),
        }
        println!("  plant control  {}", self.plant_control);
        println!("  edge's log     {}", self.log.display());
        println!("\nCtrl-C ends both.");
    }

    /// An error when one of the two has ended by itself.
    fn check(&mut self) -> Result<()> {
        for (name, program) in [("edge", &mut self.edge), ("plant", &mut self.plant)] {
            if let Some(status) = program.ended() {
                bail!("the {name} ended by itself ({status}); see {}", self.log.display());
            }
        }
        Ok(())
    }

    pub fn end(&mut self) -> Result<()> {
        let edge = self.edge.end();
        drop(self.press_line.take());
        drop(self.broker.take());
        self.plant.end()?;
        edge
    }
}

/// The demo's fifth device: a process that is not ours.
struct PressLine {
    child: std::process::Child,
    port: u16,
}

impl PressLine {
    fn start(workspace: &Workspace, folder: &Folder) -> Result<Option<PressLine>> {
        let python = workspace.path(".venv/bin/python");
        if !python.is_file() {
            return Ok(None);
        }
        let port = noted_port(&folder.file("press-line.port"))?;
        let log = std::fs::File::create(folder.file("press-line.log"))?;
        let mut child = workspace
            .command(&python)
            .arg(workspace.path("examples/press_line.py"))
            .arg(port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .context("starting the press line")?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
        let press_line = PressLine { child, port };
        if line.trim() != "ready" {
            eprintln!("demo: the press line did not start; see {}", folder.0.display());
            return Ok(None);
        }
        Ok(Some(press_line))
    }

    /// The device as the configuration has it.
    fn device(&self) -> String {
        let mut text = format!(
            "  - name: press-line\n    driver: opcua\n    description: Two presses, an OPC UA server by \
             another hand\n    settings: {{ endpoint: \"opc.tcp://127.0.0.1:{}\", security: None }}\n    \
             groups:\n      - name: press-1\n        interval: 500ms\n        tags:\n",
            self.port
        );
        let tags = [
            ("force", "Force", "float64, unit: kN"),
            ("position", "Position", "float32, unit: mm"),
            ("strokes", "Strokes", "uint64"),
            ("running", "Running", "bool"),
            ("tool", "Tool", "text"),
            ("speed", "Speed setpoint", "int16, unit: 1/min, access: read_write, range: [5, 60]"),
        ];
        for (name, node, rest) in tags {
            text.push_str(&format!(
                "          - {{ name: {name}, address: \"nsu=urn:example:press-line;s=press1.{node}\", \
                 type: {rest} }}\n"
            ));
        }
        text
    }
}

impl Drop for PressLine {
    fn drop(&mut self) {
        // One that has ended by itself needs no end.
        drop(self.child.kill().and_then(|()| self.child.wait()));
    }
}

/// A broker that is not ours, to which the demo's alarm is published.
struct Broker {
    child: std::process::Child,
    port: u16,
}

impl Broker {
    fn start(workspace: &Workspace, folder: &Folder) -> Result<Option<Broker>> {
        let found = ["/usr/sbin/mosquitto", "/usr/bin/mosquitto"];
        let Some(program) = found.iter().map(Path::new).find(|path| path.is_file()) else {
            return Ok(None);
        };
        let port = noted_port(&folder.file("broker.port"))?;
        let config = folder.file("broker.conf");
        std::fs::write(&config, format!("listener {port} 127.0.0.1\nallow_anonymous true\n"))
            .context("writing the broker's configuration")?;
        let log = std::fs::File::create(folder.file("broker.log"))?;
        let child = workspace
            .command(program)
            .arg("-c")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("starting the broker")?;
        Ok(Some(Broker { child, port }))
    }

    /// The sink as the configuration has it: what the rule that watches the boiler gives.
    fn sink(&self) -> String {
        format!(
            "sinks:\n  - name: broker\n    kind: mqtt\n    settings: {{ url: \"mqtt://127.0.0.1:{}\", \
             topic: \"plant/{{device}}\" }}\n    tags: [\"overheat/*\"]\n",
            self.port
        )
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // One that has ended by itself needs no end.
        drop(self.child.kill().and_then(|()| self.child.wait()));
    }
}

/// The port of the last time when that is free, so that the configuration stays true.
fn noted_port(noted: &Path) -> Result<u16> {
    let last = std::fs::read_to_string(noted).ok().and_then(|text| text.trim().parse().ok());
    let free = |port: &u16| is_free(SocketAddr::from((Ipv4Addr::LOCALHOST, *port)));
    let port = match last.filter(free) {
        Some(port) => port,
        None => TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port(),
    };
    std::fs::write(noted, format!("{port}\n")).context("noting a port")?;
    Ok(port)
}

/// On the port of the last time when that is free, so that the configuration stays true.
fn start_plant(workspace: &Workspace, folder: &Folder) -> Result<(Running, serde_json::Value)> {
    let last =
        read_port(folder).filter(|port| is_free(SocketAddr::from((Ipv4Addr::LOCALHOST, *port))));
    let mut command = workspace.command(workspace.program("tagwerk-plant"));
    command.arg("serve").arg("--listen").arg(format!("127.0.0.1:{}", last.unwrap_or(0)));
    let mut plant = Running::start("tagwerk-plant", &mut command, &folder.file("plant.log"))?;
    let ready = plant.ready_line()?;
    Ok((plant, ready))
}

fn text_of<'a>(ready: &'a serde_json::Value, key: &str) -> Result<&'a str> {
    ready[key].as_str().ok_or_else(|| anyhow!("the plant's ready line has no `{key}`: {ready}"))
}

fn port_of(ready: &serde_json::Value, key: &str) -> Result<u16> {
    let text = text_of(ready, key)?;
    let address: SocketAddr = text.parse().with_context(|| format!("`{text}` as an address"))?;
    Ok(address.port())
}

fn read_port(folder: &Folder) -> Option<u16> {
    std::fs::read_to_string(folder.file("plant.port")).ok()?.trim().parse().ok()
}

/// Says whether there was another port before.
fn remember_port(folder: &Folder, port: u16) -> Result<bool> {
    let moved = read_port(folder).is_some_and(|last| last != port);
    std::fs::write(folder.file("plant.port"), format!("{port}\n")).context("noting the port")?;
    Ok(moved)
}

fn write_config(
    workspace: &Workspace,
    folder: &Folder,
    port: u16,
    (press_line, broker): (&Option<PressLine>, &Option<Broker>),
) -> Result<PathBuf> {
    let example = workspace.read("examples/plant.yaml")?;
    let (was, is) = (format!("port: {PLANT_PORT}"), format!("port: {port}"));
    if !example.contains(&was) {
        bail!("examples/plant.yaml has no `{was}` to put the plant's port in place of");
    }
    let path = folder.file("plant.yaml");
    let device = press_line.as_ref().map(PressLine::device).unwrap_or_default();
    let sinks = broker.as_ref().map_or_else(|| "sinks: []\n".to_owned(), Broker::sink);
    let text = example
        .replace(&was, &is)
        .replace("\nrules:\n", &format!("\n{device}rules:\n"))
        .replace("sinks: []\n", &sinks);
    std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    Ok(path)
}

/// A day of history for devices that have none yet, so that there is something to look at.
fn make_past(workspace: &Workspace, folder: &Folder, config: &Path) -> Result<()> {
    let data = folder.data();
    if ["history", "journal"].iter().any(|name| data.join(name).exists()) {
        return Ok(());
    }
    eprintln!("demo: making a day of history, as if the devices had been read all along");
    let mut command = workspace.command(workspace.program("tagwerk"));
    command.arg("past").arg("--data").arg(data).arg("--config").arg(config);
    command.args(["--length", "24h", "--period", "10s"]).stdout(Stdio::null());
    steps::run(&mut command)
}

fn apply(workspace: &Workspace, folder: &Folder, address: SocketAddr, config: &Path) -> Result<()> {
    eprintln!("demo: the plant has another port; applying its configuration again");
    let mut command = workspace.command(workspace.program("tagwerk"));
    command.arg("apply").arg("--data").arg(folder.data());
    command.arg("--url").arg(format!("http://{address}")).arg(config);
    command.args(["--comment", "the demo plant's port changed"]);
    steps::run(&mut command)
}

fn free_address() -> Result<SocketAddr> {
    (PORT..PORT + 100)
        .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .find(|address| is_free(*address))
        .ok_or_else(|| anyhow!("no port from {PORT} to {} is free", PORT + 99))
}

fn is_free(address: SocketAddr) -> bool {
    TcpListener::bind(address).is_ok()
}

fn wait_until_ready(edge: &mut Running, address: SocketAddr, log: &Path) -> Result<()> {
    let until = Instant::now() + READY;
    loop {
        if get(address, "/health/ready").is_ok_and(|status| status == 200) {
            return Ok(());
        }
        if let Some(status) = edge.ended() {
            let said = std::fs::read_to_string(log).unwrap_or_default();
            bail!("the edge ended while it started ({status}):\n{}", said.trim());
        }
        if Instant::now() > until {
            bail!("the edge was not ready within {READY:?}; see {}", log.display());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The status of one HTTP request to a program on this machine.
fn get(address: SocketAddr, path: &str) -> Result<u16> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let status = text.split(' ').nth(1).and_then(|word| word.parse().ok());
    status.ok_or_else(|| anyhow!("{address}{path} did not answer as HTTP"))
}
