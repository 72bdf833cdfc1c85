//! Templates: the library's, and those that the configuration uses.

use crate::app::Shared;
use axum::Json;
use axum::extract::State;
use tagwerk_api::{Anything, LibraryTemplate, TemplateParameter, Templates, UsedTemplate};
use tagwerk_config as config;

pub async fn templates(State(app): State<Shared>) -> Json<Templates> {
    let library = config::library();
    let version_of = |name: &str| {
        let found = library.iter().find(|template| template.name == name);
        found.map(|template| template.version.to_string())
    };
    let used = app
        .configuration
        .templates()
        .into_iter()
        .map(|template| UsedTemplate {
            library_version: version_of(&template.name),
            name: template.name.into(),
            version: Some(template.version.to_string()),
            driver: template.driver.into(),
            devices: template.devices.into_iter().map(Into::into).collect(),
        })
        .collect();
    Json(Templates { used, library: library.into_iter().map(show).collect() })
}

fn show(template: config::LibraryTemplate) -> LibraryTemplate {
    LibraryTemplate {
        name: template.name,
        version: template.version.to_string(),
        driver: template.driver,
        summary: template.summary,
        parameters: template.parameters.into_iter().map(parameter).collect(),
        document: template.document.to_owned(),
        tags: template.tags as u64,
    }
}

fn parameter(parameter: config::LibraryParameter) -> TemplateParameter {
    let kind = serde_json::json!(parameter.kind);
    TemplateParameter {
        name: parameter.name,
        data_type: kind.as_str().unwrap_or_default().to_owned(),
        default: parameter.default.map(Anything::from),
        description: parameter.description,
        required: parameter.required,
    }
}
