//! The OpenAPI 3.1 document, made from the list of routes and their types.

use crate::route::Shape;
use crate::{Access, ErrorAnswer, LiveTags, Request, Response, Route, routes};
use serde_json::{Map, Value, json};

/// The document of the edge's API, for `version` of the program.
pub fn openapi(version: &str) -> Value {
    let mut schemas = Map::new();
    let mut paths = Map::new();
    for route in routes::ALL {
        let operation = operation(route, &mut schemas);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.name().to_lowercase()] = operation;
    }
    reference(Shape::of::<LiveTags>(), &mut schemas);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Tagwerk edge",
            "description": "Times are RFC 3339 in UTC with milliseconds; durations are numbers \
                whose names end in `_ms`. 64-bit integers are exact JSON numbers.",
            "version": version,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "session": { "type": "apiKey", "in": "cookie", "name": crate::SESSION_COOKIE },
                "token": { "type": "http", "scheme": "bearer", "bearerFormat": "twk_" },
            },
        },
    })
}

fn operation(route: &Route, schemas: &mut Map<String, Value>) -> Value {
    let mut operation = json!({
        "summary": route.summary,
        "operationId": operation_id(route),
        "parameters": parameters(route),
        "responses": {
            route.status.to_string(): response(route, schemas),
            "default": {
                "description": "What was attempted, why it failed and what to do next",
                "content": { "application/json": {
                    "schema": reference(Shape::of::<ErrorAnswer>(), schemas)
                } },
            },
        },
    });
    match route.access {
        Access::Open => operation["security"] = json!([]),
        Access::OpenOnLoopback(role) => {
            operation["security"] = json!([{}, { "session": [] }, { "token": [] }]);
            operation["x-role"] = json!(role);
        }
        Access::Role(role) => {
            operation["security"] = json!([{ "session": [] }, { "token": [] }]);
            operation["x-role"] = json!(role);
        }
    }
    let content = match route.request {
        Request::Empty => return operation,
        Request::Json(shape) => {
            json!({ "application/json": { "schema": reference(shape, schemas) } })
        }
        Request::Yaml => json!({ "text/yaml": { "schema": { "type": "string" } } }),
        Request::File => json!({
            "application/octet-stream": { "schema": { "type": "string", "format": "binary" } }
        }),
    };
    operation["requestBody"] = json!({ "required": true, "content": content });
    operation["x-body-bytes-max"] = json!(route.body_bytes_max);
    operation
}

/// `get_devices_device_tags` for `GET /api/v1/devices/{device}/tags`.
fn operation_id(route: &Route) -> String {
    let path = route.path.trim_start_matches(crate::PREFIX);
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    std::iter::once(route.method.name().to_lowercase().as_str())
        .chain(words)
        .collect::<Vec<_>>()
        .join("_")
}

fn parameters(route: &Route) -> Vec<Value> {
    let path = route.path_parameters().map(
        |name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }),
    );
    let query = route.query.iter().map(|(name, meaning)| {
        let kind = match *name {
            "offset" | "limit" | "points" | "before" | "after" => "integer",
            "apply" | "empty" => "boolean",
            _ => "string",
        };
        json!({
            "name": name,
            "in": "query",
            "description": meaning,
            "schema": { "type": kind },
        })
    });
    let headers = route.headers.iter().map(|(name, meaning)| {
        json!({
            "name": name,
            "in": "header",
            "required": true,
            "description": meaning,
            "schema": { "type": "string" },
        })
    });
    path.chain(query).chain(headers).collect()
}

fn response(route: &Route, schemas: &mut Map<String, Value>) -> Value {
    let text = json!({ "schema": { "type": "string" } });
    let content = match route.response {
        Response::Empty => return json!({ "description": "Done" }),
        Response::Json(shape) => {
            json!({ "application/json": { "schema": reference(shape, schemas) } })
        }
        Response::Text => json!({ "text/plain": text }),
        Response::YamlOrJson(shape) => json!({
            "text/yaml": text,
            "application/json": { "schema": reference(shape, schemas) },
        }),
        Response::Events => json!({ "text/event-stream": text }),
        Response::File => json!({
            "application/octet-stream": { "schema": { "type": "string", "format": "binary" } }
        }),
    };
    json!({ "description": route.summary, "content": content })
}

/// Adds a type and all it consists of to the document's components.
fn reference(shape: Shape, schemas: &mut Map<String, Value>) -> Value {
    let mut parts = vec![((shape.name)().into_owned(), (shape.schema)())];
    (shape.parts)(&mut parts);
    for (name, schema) in parts {
        let schema = serde_json::to_value(schema).expect("a schema can be written as JSON");
        schemas.entry(name).or_insert(schema);
    }
    json!({ "$ref": format!("#/components/schemas/{}", (shape.name)()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_leads_somewhere_and_every_operation_has_its_own_name() {
        let document = openapi("0");
        let text = document.to_string();
        for part in text.split("\"#/components/schemas/").skip(1) {
            let name = part.split('"').next().unwrap();
            assert!(document["components"]["schemas"].get(name).is_some(), "{name} is missing");
        }
        let mut names: Vec<String> = routes::ALL.iter().map(operation_id).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), routes::ALL.len());
    }
}
