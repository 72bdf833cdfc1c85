//! The baseline of the benches: the drivers' sessions alone, doing the exchange that a configuration
//! asks for, and throwing the samples away. No journal, no live values, no quality over outages.

use crate::subject::DRIVERS;
use anyhow::{Context, Result, bail};
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tagwerk_component::{
    Fault, LinkContext, NoCertificates, NoHealth, NoSecrets, Session, Trace, Watch, WatchId,
};
use tagwerk_config::{Catalogue, CheckedDevice, CheckedGroup};
use tagwerk_env::Env;
use tagwerk_model::{BatchBuilder, TagDefinition, TagId, TagSet, TagSetDefinition};
use tokio::task::JoinSet;

#[derive(Default)]
struct Counts {
    requests: AtomicU64,
    samples: AtomicU64,
}

/// What was done.
#[derive(Serialize)]
struct Done {
    requests: u64,
    samples: u64,
}

/// Runs all devices of a configuration for so long, after `settle`; prints what was done meanwhile.
pub async fn run(file: &Path, settle: Duration, time: Duration) -> Result<()> {
    let text = std::fs::read(file).with_context(|| format!("reading {}", file.display()))?;
    let lint =
        tagwerk_config::lint(&text, &Catalogue { drivers: DRIVERS, sinks: &[], channels: &[] });
    let Some(checked) = lint.checked else { bail!("{:#?}", lint.findings) };
    let counts = Arc::new(Counts::default());
    let mut devices = JoinSet::new();
    for device in checked.devices {
        devices.spawn(serve(device, counts.clone()));
    }
    let all = async {
        while let Some(ended) = devices.join_next().await {
            ended??;
        }
        Ok::<(), anyhow::Error>(())
    };
    let measure = async {
        tokio::time::sleep(settle).await;
        let before = counts.now();
        println!("measuring");
        tokio::time::sleep(time).await;
        let after = counts.now();
        Done { requests: after.requests - before.requests, samples: after.samples - before.samples }
    };
    tokio::select! {
        ended = all => ended.and_then(|()| bail!("every device has ended")),
        done = measure => {
            println!("{}", serde_json::to_string(&done)?);
            Ok(())
        }
    }
}

impl Counts {
    fn now(&self) -> Done {
        Done {
            requests: self.requests.load(Ordering::Relaxed),
            samples: self.samples.load(Ordering::Relaxed),
        }
    }
}

async fn serve(device: CheckedDevice, counts: Arc<Counts>) -> Result<()> {
    let env = Env::system();
    let context = LinkContext {
        trace: Trace::off(),
        env,
        secrets: Arc::new(NoSecrets),
        certificates: Arc::new(NoCertificates),
        health: Arc::new(NoHealth),
    };
    let session = device.plan.open.open(&context).await;
    let mut session = session.map_err(|fault| anyhow::anyhow!("{}: {fault}", device.name))?;
    if device.plan.groups.iter().any(|group| group.watch.is_some()) {
        return watch(session.as_mut(), &device, &counts).await.map_err(told);
    }
    let mut builders: Vec<BatchBuilder> =
        device.groups.iter().map(|group| builder(&device.name, group)).collect();
    let interval = device.groups.first().context("no groups")?.interval;
    let mut tick = tokio::time::interval(interval);
    loop {
        tick.tick().await;
        for (plan, builder) in device.plan.groups.iter().zip(&mut builders) {
            for request in &plan.reads {
                session.read(request, builder).await.map_err(told)?;
                counts.requests.fetch_add(1, Ordering::Relaxed);
                counts.samples.fetch_add(request.tags.len() as u64, Ordering::Relaxed);
            }
        }
    }
}

async fn watch(
    session: &mut dyn Session,
    device: &CheckedDevice,
    counts: &Counts,
) -> Result<(), Fault> {
    let groups = device.groups.iter().zip(&device.plan.groups).enumerate();
    let watches: Vec<Watch> = groups
        .filter_map(|(position, (group, plan))| {
            Some(Watch {
                id: WatchId(position as u64),
                device: Arc::from(&*device.name),
                group: Arc::from(&*group.name),
                interval: group.interval,
                token: plan.watch.clone()?,
                known_to: None,
            })
        })
        .collect();
    let refused = session.watch(&watches).await?;
    if let Some(refused) = refused.first() {
        let text = format!("not everything can be watched: {}", refused.reason);
        return Err(Fault::Link(text));
    }
    let mut reports = Vec::new();
    loop {
        session.event(&mut reports).await?;
        counts.requests.fetch_add(1, Ordering::Relaxed);
        counts.samples.fetch_add(reports.len() as u64, Ordering::Relaxed);
        reports.clear();
    }
}

fn told(fault: Fault) -> anyhow::Error {
    anyhow::anyhow!("{fault}")
}

fn builder(device: &str, group: &CheckedGroup) -> BatchBuilder {
    let tags = group.tags.iter().map(|tag| TagDefinition {
        id: TagId(0),
        name: tag.name.clone(),
        data_type: tag.published,
        unit: "".into(),
    });
    let set = TagSetDefinition {
        id: 0,
        device: device.into(),
        group: group.name.clone(),
        tags: tags.collect(),
    };
    let scales = group.tags.iter().map(|tag| tag.scale).collect();
    BatchBuilder::new(Arc::new(TagSet::new(set)), scales)
}
