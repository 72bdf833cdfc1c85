//! What this edge can do, as data: drivers, sinks, the configuration's schema, the API itself.

use crate::app::VERSION;
use crate::show;
use axum::Json;
use tagwerk_api::{Anything, Components};

pub async fn components() -> Json<Components> {
    Json(show::components())
}

pub async fn schema() -> Json<Anything> {
    Json(Anything::from(tagwerk_config::document_schema().as_value().clone()))
}

pub async fn openapi() -> Json<serde_json::Value> {
    Json(tagwerk_api::openapi(VERSION))
}
