//! Makes the connection to a device, a gateway or a serial line, and chooses between a main host
//! and its backup.

use crate::bus::{Bus, Pace};
use crate::channel::Channel;
use crate::link::Link;
use crate::plan::Line;
use crate::session::ModbusSession;
use crate::settings::tcp::{TcpFraming, place};
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tagwerk_component::{BoxFuture, Fault, LinkContext, Open, Session};
use tagwerk_env::{Moment, Stream, timeout};

/// A host as the settings have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    pub name: String,
    pub port: u16,
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&place(&self.name, self.port))
    }
}

/// Connects to a host on TCP.
#[derive(Clone, Debug)]
pub struct OpenTcp {
    pub main: Host,
    pub backup: Option<Host>,
    pub framing: TcpFraming,
    pub connect_timeout: Duration,
    pub main_retry: Duration,
}

impl Open for OpenTcp {
    fn open<'a>(
        &'a self,
        context: &'a LinkContext,
    ) -> BoxFuture<'a, Result<Box<dyn Session>, Fault>> {
        Box::pin(async move {
            let failed = match self.connect(&self.main, context).await {
                Ok(stream) => {
                    context.trace.note(|| format!("Connected to {}", self.main));
                    let channel = self.channel(&self.main, stream, context);
                    return Ok(Box::new(ModbusSession::new(channel, None)) as Box<dyn Session>);
                }
                Err(failed) => failed,
            };
            context.trace.note(|| failed.clone());
            let Some(backup) = &self.backup else { return Err(Fault::Link(failed)) };
            match self.connect(backup, context).await {
                Ok(stream) => {
                    context.trace.note(|| format!("Connected to the backup {backup}"));
                    let channel = self.channel(backup, stream, context);
                    let way_back = WayBack::new(self.clone(), context.clone());
                    Ok(Box::new(ModbusSession::new(channel, Some(way_back))) as Box<dyn Session>)
                }
                Err(also) => {
                    context.trace.note(|| also.clone());
                    Err(Fault::Link(format!("{failed}. The backup: {also}")))
                }
            }
        })
    }
}

impl OpenTcp {
    async fn connect(&self, host: &Host, context: &LinkContext) -> Result<Box<dyn Stream>, String> {
        let env = &context.env;
        let deadline = env.clock.now().after(self.connect_timeout);
        let connecting = env.net.connect(&host.name, host.port);
        match timeout(&*env.clock, deadline, connecting).await {
            Some(Ok(stream)) => Ok(stream),
            Some(Err(error)) => Err(format!(
                "cannot connect to {host}: {error}; check `host`, `port` and the device's network"
            )),
            None => Err(format!(
                "no connection to {host} within {}; check `host`, `port`, and whether a firewall is \
                 between",
                tagwerk_component::Duration(self.connect_timeout)
            )),
        }
    }

    fn channel(&self, host: &Host, stream: Box<dyn Stream>, context: &LinkContext) -> Channel {
        let (clock, trace) = (context.env.clock.clone(), context.trace.clone());
        let peer = Arc::from(host.to_string());
        match self.framing.serial() {
            None => Channel::Tcp(Box::new(Link::new(clock, trace, stream, peer))),
            Some(framing) => {
                Channel::Bus(Box::new(Bus::new(clock, trace, stream, peer, Pace::tcp(framing))))
            }
        }
    }
}

/// From the backup to the main host, while requests go on: an attempt lives on between the moments
/// in which the session has time for it.
pub struct WayBack {
    open: OpenTcp,
    context: LinkContext,
    due: Moment,
    attempt: Option<Attempt>,
}

struct Attempt {
    connecting: BoxFuture<'static, io::Result<Box<dyn Stream>>>,
    deadline: Moment,
}

impl WayBack {
    fn new(open: OpenTcp, context: LinkContext) -> WayBack {
        let due = context.env.clock.now().after(open.main_retry);
        WayBack { open, context, due, attempt: None }
    }

    /// Waits until the main host can be reached. Cancel safe.
    pub async fn found(&mut self) -> Channel {
        loop {
            let now = self.context.env.clock.now();
            if self.attempt.is_none() && now < self.due {
                self.context.env.clock.sleep_until(self.due).await;
                continue;
            }
            let clock = self.context.env.clock.clone();
            let attempt = self.attempt.get_or_insert_with(|| {
                let (net, Host { name, port }) =
                    (self.context.env.net.clone(), self.open.main.clone());
                Attempt {
                    connecting: Box::pin(async move { net.connect(&name, port).await }),
                    deadline: now.after(self.open.connect_timeout),
                }
            });
            let result = timeout(&*clock, attempt.deadline, attempt.connecting.as_mut()).await;
            self.attempt = None;
            self.due = clock.now().after(self.open.main_retry);
            let (main, trace) = (&self.open.main, &self.context.trace);
            match result {
                Some(Ok(stream)) => {
                    trace.note(|| format!("Back on the main host {main}"));
                    return self.open.channel(main, stream, &self.context);
                }
                Some(Err(error)) => {
                    trace.note(|| format!("The main host {main} is still away: {error}"));
                }
                None => trace.note(|| format!("The main host {main} is still away: no answer")),
            }
        }
    }

    /// The same without waiting, between two requests.
    pub async fn found_by_now(&mut self) -> Option<Channel> {
        let mut finding = std::pin::pin!(self.found());
        poll_fn(|context| match finding.as_mut().poll(context) {
            Poll::Ready(channel) => Poll::Ready(Some(channel)),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }
}

/// Opens a serial line.
#[derive(Clone, Debug)]
pub struct OpenSerial {
    pub line: Arc<Line>,
}

impl Open for OpenSerial {
    fn open<'a>(
        &'a self,
        context: &'a LinkContext,
    ) -> BoxFuture<'a, Result<Box<dyn Session>, Fault>> {
        Box::pin(async move {
            let path = &self.line.serial.path;
            let stream = context.env.net.serial(&self.line.serial).map_err(|error| {
                context.trace.note(|| error.to_string());
                match error.kind() {
                    // What only a person can change.
                    io::ErrorKind::PermissionDenied
                    | io::ErrorKind::InvalidInput
                    | io::ErrorKind::Unsupported => Fault::Settings(error.to_string()),
                    _ => Fault::Link(error.to_string()),
                }
            })?;
            context.trace.note(|| format!("Opened {path} with {}", self.line));
            let (clock, trace) = (context.env.clock.clone(), context.trace.clone());
            let peer = Arc::from(path.as_str());
            let bus = Bus::new(clock, trace, stream, peer, Pace::serial(&self.line));
            let session = ModbusSession::new(Channel::Bus(Box::new(bus)), None);
            Ok(Box::new(session.on(self.line.clone())) as Box<dyn Session>)
        })
    }
}
