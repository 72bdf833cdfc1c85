//! The channel `email`: hands notices to a mail server by SMTP, one mail to all recipients.
//!
//! At least once: a mail counts as delivered when the server has answered that it took it.

mod dialogue;
mod letter;
pub(crate) mod reply;
mod settings;

use dialogue::{Dialogue, words};
use settings::Settings;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_component::{
    BoxFuture, Channel, ChannelContext, ChannelPlan, ChannelRequest, Findings, Notice, OpenChannel,
    SinkFault, Spec, Told,
};
use tagwerk_env::timeout;

/// How long the server may take to say goodbye.
const GOODBYE_TIME_MAX: Duration = Duration::from_secs(2);

/// Sends mails.
pub struct Email;

impl Channel for Email {
    fn spec(&self) -> Spec {
        Spec {
            name: "email",
            summary: "Sends mails by way of a mail server (SMTP).",
            settings: schemars::schema_for!(Settings),
            addresses: Vec::new(),
            data_types: Vec::new(),
            abilities: Vec::new(),
            example: "server: mail.plant.example\n\
                      username: alarms\n\
                      password: { secret: smtp }\n\
                      from: tagwerk@plant.example\n\
                      to: [shift@plant.example]\n",
        }
    }

    fn check(&self, channel: &ChannelRequest<'_>, findings: &mut Findings) -> Option<ChannelPlan> {
        let settings = Settings::check(channel.settings, findings)?;
        let recipients = settings.to.iter().map(|to| to.as_str().into()).collect();
        Some(ChannelPlan { open: Arc::new(Mailbox(settings)), recipients })
    }
}

struct Mailbox(Settings);

impl OpenChannel for Mailbox {
    fn tell<'a>(
        &'a self,
        context: &'a ChannelContext,
        notice: &'a Notice,
        to: &'a [Box<str>],
    ) -> BoxFuture<'a, Vec<Told>> {
        Box::pin(async move {
            let (clock, limit) = (&*context.env.clock, self.0.timeout);
            let sent = timeout(clock, clock.now().after(limit.0), self.send(context, notice, to));
            match sent.await {
                Some(Ok((told, dialogue))) => {
                    // Taken is taken: a server that is slow to say goodbye makes nobody send again.
                    let deadline = clock.now().after(GOODBYE_TIME_MAX);
                    let _ = timeout(clock, deadline, dialogue.close()).await;
                    told
                }
                Some(Err(fault)) => Told::all(to, &Err(fault)),
                None => Told::all(
                    to,
                    &Err(SinkFault::Retry(format!(
                        "{} did not take a mail within {limit}; check `server` and `port`, and \
                         whether the network lets this edge through",
                        words(&self.0)
                    ))),
                ),
            }
        })
    }
}

impl Mailbox {
    async fn send<'a>(
        &'a self,
        context: &'a ChannelContext,
        notice: &Notice,
        to: &[Box<str>],
    ) -> Result<(Vec<Told>, Dialogue<'a>), SinkFault> {
        let mut dialogue = Dialogue::open(context, &self.0).await?;
        let mail = letter::write(&self.0, notice, context.env.clock.wall().unix_ns);
        let told = dialogue.send(&mail, to).await?;
        Ok((told, dialogue))
    }
}
