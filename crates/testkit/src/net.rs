//! A network in memory: hosts are names with a peer behind them, serial lines are paths, played by
//! a script or by a function of the test. Nothing leaves the process.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use tagwerk_env::{BoxFuture, Listener, Net, SerialLine, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::{Notify, mpsc};

/// Bytes in flight per direction; small enough that a writer meets a slow reader.
const WIRE_BYTES: usize = 64 * 1024;
/// Connections that wait to be accepted.
const BACKLOG: usize = 128;

type Peer = Arc<dyn Fn(DuplexStream) -> BoxFuture<'static, ()> + Send + Sync>;

/// A network of the test's own. Clones share it.
#[derive(Clone, Default)]
pub struct FakeNet {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    peers: HashMap<(String, u16), Peer>,
    serial_peers: HashMap<String, Peer>,
    serial_lines: Vec<SerialLine>,
    listeners: HashMap<SocketAddr, mpsc::Sender<(DuplexStream, SocketAddr)>>,
    scripts: Vec<(String, Arc<Progress>)>,
    connections: u64,
    next_port: u16,
}

impl FakeNet {
    pub fn new() -> FakeNet {
        FakeNet::default()
    }

    /// Each connection to `host:port` is answered by `peer`, in a task of its own.
    pub fn peer<F, Running>(&self, host: &str, port: u16, peer: F)
    where
        F: Fn(DuplexStream) -> Running + Send + Sync + 'static,
        Running: Future<Output = ()> + Send + 'static,
    {
        let peer: Peer = Arc::new(move |stream| Box::pin(peer(stream)));
        self.state().peers.insert((host.to_owned(), port), peer);
    }

    /// Each connection to `host:port` plays the script from its beginning.
    pub fn script(&self, host: &str, port: u16, script: Script) {
        let progress = Arc::new(Progress::default());
        self.state().scripts.push((format!("{host}:{port}"), progress.clone()));
        let steps = Arc::new(script.steps);
        self.peer(host, port, move |stream| {
            let (steps, progress) = (steps.clone(), progress.clone());
            async move { progress.end(play(&steps, stream).await) }
        });
    }

    /// From now on nobody answers there.
    pub fn remove(&self, host: &str, port: u16) {
        self.state().peers.remove(&(host.to_owned(), port));
    }

    /// Each opening of the serial line at `path` is answered by `peer`, in a task of its own.
    pub fn serial_peer<F, Running>(&self, path: &str, peer: F)
    where
        F: Fn(DuplexStream) -> Running + Send + Sync + 'static,
        Running: Future<Output = ()> + Send + 'static,
    {
        let peer: Peer = Arc::new(move |stream| Box::pin(peer(stream)));
        self.state().serial_peers.insert(path.to_owned(), peer);
    }

    /// The serial lines opened so far, with their settings.
    pub fn serial_lines(&self) -> Vec<SerialLine> {
        self.state().serial_lines.clone()
    }

    /// Connections made so far.
    pub fn connections(&self) -> u64 {
        self.state().connections
    }

    /// Waits until each script was played once, and panics with what went otherwise than written.
    pub async fn played(&self) {
        let scripts = self.state().scripts.clone();
        for (host, progress) in scripts {
            let result = progress.ended().await;
            assert!(result.is_ok(), "the script of {host}: {}", result.unwrap_err());
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    async fn connect_now(&self, host: &str, port: u16) -> io::Result<Box<dyn Stream>> {
        let address =
            host.parse().ok().map(|ip| SocketAddr::new(ip, port)).unwrap_or_else(|| local(port));
        let (ours, theirs) = tokio::io::duplex(WIRE_BYTES);
        let (peer, listener) = {
            let mut state = self.state();
            state.connections += 1;
            let peer = state.peers.get(&(host.to_owned(), port)).cloned();
            (peer, state.listeners.get(&address).cloned())
        };
        if let Some(peer) = peer {
            tokio::spawn(peer(theirs));
            return Ok(Box::new(ours));
        }
        let refused = || io::Error::new(io::ErrorKind::ConnectionRefused, "nobody listens there");
        let listener = listener.ok_or_else(refused)?;
        listener.send((theirs, local(1))).await.map_err(|_| refused())?;
        Ok(Box::new(ours))
    }
}

impl Net for FakeNet {
    fn connect<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, io::Result<Box<dyn Stream>>> {
        Box::pin(self.connect_now(host, port))
    }

    fn listen(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Listener>>> {
        Box::pin(async move {
            let mut state = self.state();
            let mut address = address;
            if address.port() == 0 {
                state.next_port += 1;
                address.set_port(40_000 + state.next_port);
            }
            let taken = state.listeners.get(&address).is_some_and(|sender| !sender.is_closed());
            if taken {
                return Err(io::Error::new(io::ErrorKind::AddrInUse, "the port is taken"));
            }
            let (sender, receiver) = mpsc::channel(BACKLOG);
            state.listeners.insert(address, sender);
            let receiver = tokio::sync::Mutex::new(receiver);
            Ok(Box::new(FakeListener { address, receiver }) as Box<dyn Listener>)
        })
    }

    fn serial(&self, line: &SerialLine) -> io::Result<Box<dyn Stream>> {
        let mut state = self.state();
        let peer = state.serial_peers.get(&line.path).cloned().ok_or_else(|| {
            let reason = format!("there is no serial port {}", line.path);
            io::Error::new(io::ErrorKind::NotFound, reason)
        })?;
        state.serial_lines.push(line.clone());
        let (ours, theirs) = tokio::io::duplex(WIRE_BYTES);
        tokio::spawn(peer(theirs));
        Ok(Box::new(ours))
    }
}

struct FakeListener {
    address: SocketAddr,
    receiver: tokio::sync::Mutex<mpsc::Receiver<(DuplexStream, SocketAddr)>>,
}

impl Listener for FakeListener {
    fn accept(&self) -> BoxFuture<'_, io::Result<(Box<dyn Stream>, SocketAddr)>> {
        Box::pin(async move {
            let (stream, peer) = self
                .receiver
                .lock()
                .await
                .recv()
                .await
                .ok_or_else(|| io::Error::other("the fake network is gone"))?;
            Ok((Box::new(stream) as Box<dyn Stream>, peer))
        })
    }

    fn local_address(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)
}

/// What a peer does, in order.
#[derive(Clone, Default)]
pub struct Script {
    steps: VecDeque<Step>,
}

#[derive(Clone)]
enum Step {
    Expect(Vec<u8>),
    Send(Vec<u8>),
    Wait(Arc<Notify>),
}

impl Script {
    pub fn new() -> Script {
        Script::default()
    }

    /// Reads exactly these bytes; anything else ends the script with an error.
    pub fn expect(mut self, bytes: &[u8]) -> Script {
        self.steps.push_back(Step::Expect(bytes.to_vec()));
        self
    }

    pub fn send(mut self, bytes: &[u8]) -> Script {
        self.steps.push_back(Step::Send(bytes.to_vec()));
        self
    }

    /// Waits for the test: an answer that comes late, or never.
    pub fn wait(mut self, go: Arc<Notify>) -> Script {
        self.steps.push_back(Step::Wait(go));
        self
    }
}

/// Plays a script and closes the connection.
async fn play(steps: &VecDeque<Step>, mut stream: DuplexStream) -> Result<(), String> {
    for (number, step) in steps.iter().enumerate() {
        let failed = |what: String| format!("step {}: {what}", number + 1);
        match step {
            Step::Expect(expected) => {
                let mut got = vec![0; expected.len()];
                let read = stream.read_exact(&mut got).await;
                read.map_err(|error| failed(format!("{expected:02x?} did not come: {error}")))?;
                if got != *expected {
                    return Err(failed(format!("expected {expected:02x?}, got {got:02x?}")));
                }
            }
            Step::Send(bytes) => {
                let sent = stream.write_all(bytes).await;
                sent.map_err(|error| failed(format!("sending {bytes:02x?}: {error}")))?;
            }
            Step::Wait(go) => go.notified().await,
        }
    }
    Ok(())
}

#[derive(Default)]
struct Progress {
    result: Mutex<Option<Result<(), String>>>,
    changed: Notify,
}

impl Progress {
    fn end(&self, result: Result<(), String>) {
        self.result.lock().unwrap().get_or_insert(result);
        self.changed.notify_one();
    }

    async fn ended(&self) -> Result<(), String> {
        loop {
            if let Some(result) = self.result.lock().unwrap().clone() {
                self.changed.notify_one();
                return result;
            }
            self.changed.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_scripted_peer_answers() {
        let net = FakeNet::new();
        net.script("boiler", 502, Script::new().expect(b"ping").send(b"pong"));
        let mut stream = net.connect("boiler", 502).await.unwrap();
        stream.write_all(b"ping").await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, b"pong");
        net.played().await;
    }

    #[tokio::test]
    #[should_panic(expected = "step 1: expected [70, 69, 6e, 67], got [70, 69, 6e, 6b]")]
    async fn a_script_notices_what_it_did_not_expect() {
        let net = FakeNet::new();
        net.script("boiler", 502, Script::new().expect(b"ping"));
        let mut stream = net.connect("boiler", 502).await.unwrap();
        stream.write_all(b"pink").await.unwrap();
        net.played().await;
    }

    #[tokio::test]
    async fn listeners_accept_and_unknown_hosts_refuse() {
        let net = FakeNet::new();
        let listener = net.listen(local(0)).await.unwrap();
        let address = listener.local_address().unwrap();
        assert!(net.listen(address).await.is_err(), "the port is taken");
        let mut client = net.connect("127.0.0.1", address.port()).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        server.write_all(b"hello").await.unwrap();
        drop(server);
        let mut got = String::new();
        client.read_to_string(&mut got).await.unwrap();
        assert_eq!(got, "hello");
        let error = net.connect("nowhere", 1).await.err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(net.connections(), 2);
    }

    #[tokio::test]
    async fn serial_lines_are_paths_with_a_peer() {
        let net = FakeNet::new();
        net.serial_peer("/dev/ttyS0", |mut stream| async move {
            stream.write_all(b"hello").await.unwrap();
        });
        let mut line = SerialLine {
            path: "/dev/ttyS0".into(),
            baud: 9600,
            data_bits: 8,
            parity: tagwerk_env::Parity::None,
            stop_bits: 1,
            flow: tagwerk_env::Flow::None,
            rs485: None,
        };
        let mut got = String::new();
        net.serial(&line).unwrap().read_to_string(&mut got).await.unwrap();
        assert_eq!(got, "hello");
        assert_eq!(net.serial_lines(), [line.clone()]);
        line.path = "/dev/ttyS1".into();
        assert_eq!(net.serial(&line).err().unwrap().kind(), io::ErrorKind::NotFound);
    }
}
