//! A TCP proxy over real sockets that puts faults between two programs: delay, cut, silence,
//! corruption, trickle. What it does is set by the test at any time, for each direction.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tagwerk_env::Clock;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};

/// What happens to the bytes of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// None: the negative control of every test.
    #[default]
    Pass,
    /// Each piece is handed on this much later.
    Delay(Duration),
    /// The connection ends, both ways, once this many bytes of it have passed.
    CutAt(u64),
    /// Bytes are taken and thrown away; the connection stays open, as with a peer that lost power.
    HalfOpen,
    /// The byte at this position of the connection is inverted.
    CorruptAt(u64),
    /// Byte by byte, with this pause after each.
    Trickle(Duration),
    /// Every byte is another one.
    Garble,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the program that connected to the one it wants.
    ToServer,
    ToClient,
}

/// A running proxy; it ends, with all its connections, when it is dropped. Needs a tokio runtime
/// with I/O.
pub struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: AbortHandle,
}

struct Shared {
    target: SocketAddr,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    cut: Notify,
}

#[derive(Default)]
struct State {
    to_server: Fault,
    to_client: Fault,
    refusing: bool,
    connections: u64,
}

impl FaultProxy {
    /// Listens on a free port of the loopback and connects each caller to `target`.
    pub async fn start(target: SocketAddr, clock: Arc<dyn Clock>) -> io::Result<FaultProxy> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let state = Mutex::new(State::default());
        let shared = Arc::new(Shared { target, clock, state, cut: Notify::new() });
        let accepting = tokio::spawn(accept(listener, shared.clone())).abort_handle();
        Ok(FaultProxy { address, shared, accepting })
    }

    /// Where to connect instead of the target.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From the next bytes on, in connections that exist and in new ones.
    pub fn set(&self, direction: Direction, fault: Fault) {
        let mut state = self.shared.state();
        match direction {
            Direction::ToServer => state.to_server = fault,
            Direction::ToClient => state.to_client = fault,
        }
    }

    /// New connections are closed at once.
    pub fn refuse(&self) {
        self.shared.state().refusing = true;
    }

    /// New connections are taken again.
    pub fn accept(&self) {
        self.shared.state().refusing = false;
    }

    /// Ends every connection there is.
    pub fn cut_all(&self) {
        self.shared.cut.notify_waiters();
    }

    /// Connections taken so far.
    pub fn connections(&self) -> u64 {
        self.shared.state().connections
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn fault(&self, direction: Direction) -> Fault {
        let state = self.state();
        match direction {
            Direction::ToServer => state.to_server,
            Direction::ToClient => state.to_client,
        }
    }
}

/// The set of running connections is dropped, and they with it, when this task is aborted.
async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut running = JoinSet::new();
    loop {
        let Ok((client, _)) = listener.accept().await else { return };
        while running.try_join_next().is_some() {}
        {
            let mut state = shared.state();
            if state.refusing {
                continue;
            }
            state.connections += 1;
        }
        running.spawn(carry(client, shared.clone()));
    }
}

/// One connection, until either side ends it or a fault cuts it.
async fn carry(client: TcpStream, shared: Arc<Shared>) {
    let cut = shared.cut.notified();
    let Ok(server) = TcpStream::connect(shared.target).await else { return };
    let delays_off = client.set_nodelay(true).and_then(|()| server.set_nodelay(true));
    if delays_off.is_err() {
        return;
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let up = pump(from_client, to_server, Direction::ToServer, &shared);
    let down = pump(from_server, to_client, Direction::ToClient, &shared);
    let both = async { tokio::try_join!(up, down) };
    tokio::select! {
        _ = both => {}
        () = cut => {}
    }
}

/// Ends both directions at once.
struct Cut;

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    direction: Direction,
    shared: &Shared,
) -> Result<(), Cut> {
    let mut buffer = vec![0; 16 * 1024];
    let mut passed = 0u64;
    loop {
        let count = from.read(&mut buffer).await.map_err(|_| Cut)?;
        if count == 0 {
            // The end of one direction is not the end of the other: hand it on.
            return to.shutdown().await.map_err(|_| Cut);
        }
        let piece = &mut buffer[..count];
        hand_on(piece, passed, &mut to, shared.fault(direction), &*shared.clock).await?;
        passed += count as u64;
    }
}

/// Hands on one piece, the first byte of which is the `start`-th of its direction.
async fn hand_on(
    piece: &mut [u8],
    start: u64,
    to: &mut (impl AsyncWrite + Unpin),
    fault: Fault,
    clock: &dyn Clock,
) -> Result<(), Cut> {
    let length = piece.len() as u64;
    match fault {
        Fault::Pass => {}
        Fault::HalfOpen => return Ok(()),
        Fault::Delay(time) => clock.sleep_until(clock.now().after(time)).await,
        Fault::CorruptAt(position) => {
            if (start..start + length).contains(&position) {
                piece[(position - start) as usize] ^= 0xFF;
            }
        }
        Fault::Garble => {
            for (byte, position) in piece.iter_mut().zip(start..) {
                *byte ^= (position.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8 | 1;
            }
        }
        Fault::CutAt(position) => {
            if start + length >= position {
                let rest = position.saturating_sub(start) as usize;
                to.write_all(&piece[..rest]).await.map_err(|_| Cut)?;
                to.flush().await.map_err(|_| Cut)?;
                return Err(Cut);
            }
        }
        Fault::Trickle(pause) => {
            for byte in piece.iter() {
                to.write_all(&[*byte]).await.map_err(|_| Cut)?;
                clock.sleep_until(clock.now().after(pause)).await;
            }
            return Ok(());
        }
    }
    to.write_all(piece).await.map_err(|_| Cut)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    const SENT: &[u8] = b"0123456789";

    /// A server that sends back what it gets.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    drop(tokio::io::copy(&mut from, &mut to).await);
                    drop(to.shutdown().await);
                });
            }
        });
        address
    }

    struct Rig {
        proxy: FaultProxy,
        clock: ManualClock,
        client: TcpStream,
    }

    async fn rig(direction: Direction, fault: Fault) -> Rig {
        let clock = ManualClock::new();
        let proxy = FaultProxy::start(echo().await, Arc::new(clock.clone())).await.unwrap();
        proxy.set(direction, fault);
        let client = TcpStream::connect(proxy.address()).await.unwrap();
        Rig { proxy, clock, client }
    }

    /// Sends the ten digits and gives what comes back until the end.
    async fn exchange(rig: &mut Rig) -> Vec<u8> {
        rig.client.write_all(SENT).await.unwrap();
        drop(rig.client.shutdown().await);
        let mut got = Vec::new();
        // A cut may arrive as a reset; what came before it counts.
        drop(rig.client.read_to_end(&mut got).await);
        got
    }

    #[tokio::test]
    async fn without_a_fault_nothing_changes() {
        let mut rig = rig(Direction::ToServer, Fault::Pass).await;
        assert_eq!(exchange(&mut rig).await, SENT);
        assert_eq!(rig.proxy.connections(), 1);
    }

    #[tokio::test]
    async fn a_cut_ends_the_connection_at_its_byte() {
        let mut rig = rig(Direction::ToClient, Fault::CutAt(4)).await;
        assert_eq!(exchange(&mut rig).await, b"0123");
    }

    #[tokio::test]
    async fn one_byte_is_corrupted() {
        let mut rig = rig(Direction::ToServer, Fault::CorruptAt(3)).await;
        let mut expected = SENT.to_vec();
        expected[3] ^= 0xFF;
        assert_eq!(exchange(&mut rig).await, expected);
    }

    #[tokio::test]
    async fn no_byte_of_a_garbled_connection_is_right() {
        let mut rig = rig(Direction::ToServer, Fault::Garble).await;
        let got = exchange(&mut rig).await;
        assert_eq!(got.len(), SENT.len());
        assert!(got.iter().zip(SENT).all(|(a, b)| a != b), "{got:?}");
    }

    #[tokio::test]
    async fn a_half_open_connection_swallows_and_stays() {
        let mut rig = rig(Direction::ToServer, Fault::HalfOpen).await;
        rig.client.write_all(b"lost").await.unwrap();
        // The end of the stream proves that the proxy has read all before it.
        assert_eq!(exchange(&mut rig).await, b"");
    }

    #[tokio::test]
    async fn a_delay_holds_back_until_its_time() {
        let mut rig = rig(Direction::ToServer, Fault::Delay(Duration::from_secs(9))).await;
        rig.client.write_all(SENT).await.unwrap();
        while rig.clock.sleepers() == 0 {
            tokio::task::yield_now().await;
        }
        rig.clock.advance(Duration::from_secs(9));
        let mut got = [0; 10];
        rig.client.read_exact(&mut got).await.unwrap();
        assert_eq!(got, SENT);
    }

    #[tokio::test]
    async fn a_trickle_sends_byte_by_byte() {
        let mut rig = rig(Direction::ToServer, Fault::Trickle(Duration::from_millis(5))).await;
        rig.client.write_all(b"abc").await.unwrap();
        for expected in b"abc" {
            assert_eq!(rig.client.read_u8().await.unwrap(), *expected);
            while rig.clock.sleepers() == 0 {
                tokio::task::yield_now().await;
            }
            rig.clock.advance(Duration::from_millis(5));
        }
    }

    #[tokio::test]
    async fn connections_are_cut_and_refused_on_demand() {
        let mut rig = rig(Direction::ToServer, Fault::Pass).await;
        rig.client.write_all(b"x").await.unwrap();
        assert_eq!(rig.client.read_u8().await.unwrap(), b'x');
        rig.proxy.cut_all();
        assert!(rig.client.read_u8().await.is_err(), "the connection has ended");
        rig.proxy.refuse();
        let mut second = TcpStream::connect(rig.proxy.address()).await.unwrap();
        assert!(second.read_u8().await.is_err(), "closed at once");
        rig.proxy.accept();
        rig.client = TcpStream::connect(rig.proxy.address()).await.unwrap();
        assert_eq!(exchange(&mut rig).await, SENT);
    }
}
