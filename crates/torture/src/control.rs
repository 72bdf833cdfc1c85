//! The negative control: a driver that connects, asks and waits for as long as it takes. The rig must
//! find it out.

use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use tagwerk_component::{
    Ability, AddressForm, BoxFuture, DevicePlan, DeviceRequest, Driver, Fault, Findings, GroupPlan,
    LinkContext, Open, ReadRequest, Session, Spec, Token, WriteFault, WriteSent,
};
use tagwerk_env::Stream;
use tagwerk_model::{BatchBuilder, DataType, Quality, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub struct Stubborn;

#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Settings {
    host: String,
    port: u16,
}

impl Driver for Stubborn {
    fn spec(&self) -> Spec {
        Spec {
            name: "stubborn",
            summary: "Reads one register and never gives up waiting.",
            settings: schemars::schema_for!(Settings),
            addresses: vec![AddressForm {
                form: "holding:0",
                meaning: "The first two holding registers.",
                example: "holding:0",
            }],
            data_types: vec![DataType::Float32],
            abilities: vec![Ability::Read],
            example: "host: 127.0.0.1\nport: 502\n",
        }
    }

    fn check(&self, device: &DeviceRequest<'_>, _: &mut Findings) -> Option<DevicePlan> {
        let settings = Settings::deserialize(device.settings).ok()?;
        let groups = device.groups.iter().map(|group| GroupPlan {
            reads: vec![ReadRequest { tags: vec![0], token: Token::new(()) }],
            writes: vec![None; group.tags.len()],
            watch: None,
        });
        Some(DevicePlan {
            link: format!("stubborn://{}:{}", settings.host, settings.port),
            groups: groups.collect(),
            open: Arc::new(settings),
            read_retries: 0,
            browse: None,
        })
    }
}

impl Open for Settings {
    fn open<'a>(
        &'a self,
        context: &'a LinkContext,
    ) -> BoxFuture<'a, Result<Box<dyn Session>, Fault>> {
        Box::pin(async move {
            let stream = context.env.net.connect(&self.host, self.port).await;
            let stream = stream.map_err(|error| Fault::Link(error.to_string()))?;
            Ok(Box::new(Waiting(stream)) as Box<dyn Session>)
        })
    }
}

struct Waiting(Box<dyn Stream>);

impl Session for Waiting {
    fn read<'a>(
        &'a mut self,
        _: &'a ReadRequest,
        out: &'a mut BatchBuilder,
    ) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async move {
            let lost = |error: std::io::Error| Fault::Link(error.to_string());
            self.0.write_all(&[0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 2]).await.map_err(lost)?;
            let mut answer = [0; 13];
            self.0.read_exact(&mut answer).await.map_err(lost)?;
            let [.., a, b, c, d] = answer;
            out.put_f64(0, f32::from_be_bytes([a, b, c, d]).into());
            Ok(())
        })
    }

    fn write<'a>(
        &'a mut self,
        _: &'a Token,
        _: &'a Value,
    ) -> BoxFuture<'a, Result<(), WriteFault>> {
        let quality = Quality::BAD_NOT_SUPPORTED;
        let fault = Fault::Refused { quality, reason: "it only reads".to_owned() };
        Box::pin(async { Err(WriteFault { sent: WriteSent::No, fault }) })
    }
}
