//! What this edge can do, as data: drivers, sinks, the configuration's schema, the API itself.

use crate::app::VERSION;
use crate::registry::{DRIVERS, SINKS};
use crate::show;
use axum::Json;
use tagwerk_api::{Anything, Components};

pub async fn components() -> Json<Components> {
    Json(Components {
        drivers: DRIVERS.iter().map(|driver| show::spec(&driver.spec())).collect(),
        sinks: SINKS.iter().map(|sink| show::spec(&sink.spec())).collect(),
    })
}

pub async fn schema() -> Json<Anything> {
    Json(Anything::from(tagwerk_config::document_schema().as_value().clone()))
}

pub async fn openapi() -> Json<serde_json::Value> {
    Json(tagwerk_api::openapi(VERSION))
}
