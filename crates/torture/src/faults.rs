//! The faults: how each begins, and how it ends.

use crate::peer::{Peer, Peers};
use crate::subject::{Subject, TIMEOUT_MS};
use anyhow::Result;
use std::time::Duration;
use tagwerk_testkit::proxy::Direction;
use tagwerk_testkit::{Fault as Wire, FaultProxy};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Restart,
    Gone,
    Flap,
    Silent,
    HalfOpen,
    Slow,
    Trickle,
    Garbage,
    Corrupt,
    Cut,
    Identity,
    Errors,
}

/// How often the link goes and comes in a flap.
const FLAPS: u32 = 100;
/// How long a peer is gone.
const GONE: Duration = Duration::from_secs(30);
/// How long other faults last.
const LASTS: Duration = Duration::from_secs(5);

impl Fault {
    pub const ALL: &[Fault] = &[
        Fault::Restart,
        Fault::Gone,
        Fault::Flap,
        Fault::Silent,
        Fault::HalfOpen,
        Fault::Slow,
        Fault::Trickle,
        Fault::Garbage,
        Fault::Corrupt,
        Fault::Cut,
        Fault::Identity,
        Fault::Errors,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Fault::Restart => "server restarts",
            Fault::Gone => "gone for 30 s",
            Fault::Flap => "link flaps 100 times",
            Fault::Silent => "silent peer",
            Fault::HalfOpen => "half-open connection",
            Fault::Slow => "very slow peer",
            Fault::Trickle => "answers byte by byte",
            Fault::Garbage => "garbage",
            Fault::Corrupt => "one byte wrong",
            Fault::Cut => "cut within an answer",
            Fault::Identity => "something else answers",
            Fault::Errors => "errors to everything",
        }
    }

    /// The tag's value cannot be had while it lasts.
    pub fn must_show(self) -> bool {
        !matches!(self, Fault::Trickle | Fault::Slow | Fault::Corrupt)
    }

    /// How long after it began the driver has to have noticed; nothing where a value merely comes
    /// late.
    pub fn notice_max(self, subject: &Subject) -> Option<Duration> {
        let time = Duration::from_millis(subject.patience * TIMEOUT_MS * 3 / 2);
        (self.must_show() && self != Fault::Flap).then_some(time)
    }

    pub fn lasts(self) -> Duration {
        match self {
            Fault::Gone => GONE,
            Fault::Flap => Duration::ZERO,
            _ => LASTS,
        }
    }

    /// Makes it happen; the peer that serves while it lasts, where that is another.
    pub async fn begin(
        self,
        subject: &Subject,
        peers: &Peers,
        port: u16,
        proxy: &FaultProxy,
        peer: Peer,
    ) -> Result<Option<Peer>> {
        let slow = Duration::from_millis(TIMEOUT_MS * 3);
        let both = |fault| {
            proxy.set(Direction::ToClient, fault);
            proxy.set(Direction::ToServer, fault);
        };
        match self {
            Fault::Restart => {
                peer.kill().await?;
                return Ok(None);
            }
            Fault::Identity => {
                peer.kill().await?;
                return Ok(Some(peers.start("http", port, false).await?));
            }
            Fault::Errors => {
                peer.kill().await?;
                return Ok(Some(peers.start(subject.protocol, port, true).await?));
            }
            Fault::Gone => {
                proxy.refuse();
                proxy.cut_all();
            }
            Fault::Flap => {
                for _ in 0..FLAPS {
                    proxy.cut_all();
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
            Fault::Silent => proxy.set(Direction::ToClient, Wire::HalfOpen),
            Fault::HalfOpen => both(Wire::HalfOpen),
            Fault::Slow => proxy.set(Direction::ToClient, Wire::Delay(slow)),
            Fault::Trickle => {
                proxy.set(Direction::ToClient, Wire::Trickle(Duration::from_millis(5)));
            }
            Fault::Garbage => proxy.set(Direction::ToClient, Wire::Garble),
            // The second byte of whatever comes: part of the head of a frame in each protocol.
            Fault::Corrupt => {
                proxy.set(Direction::ToClient, Wire::CorruptAt(1));
                proxy.cut_all();
            }
            Fault::Cut => {
                proxy.set(Direction::ToClient, Wire::CutAt(5));
                proxy.cut_all();
            }
        }
        Ok(Some(peer))
    }

    /// Ends it; the peer that serves from now on.
    pub async fn end(
        self,
        subject: &Subject,
        peers: &Peers,
        port: u16,
        proxy: &FaultProxy,
        peer: Option<Peer>,
    ) -> Result<Peer> {
        match (self, peer) {
            (Fault::Identity | Fault::Errors, Some(other)) => {
                other.kill().await?;
                peers.start(subject.protocol, port, false).await
            }
            (_, None) => peers.start(subject.protocol, port, false).await,
            (_, Some(peer)) => {
                proxy.set(Direction::ToClient, Wire::Pass);
                proxy.set(Direction::ToServer, Wire::Pass);
                proxy.accept();
                Ok(peer)
            }
        }
    }
}
