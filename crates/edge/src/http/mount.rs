//! Puts handlers behind their routes. The only way to mount one, so none is without its gate.

use super::gate::{self, Gate};
use crate::app::Shared;
use axum::Router;
use axum::handler::Handler;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, on};
use std::collections::HashSet;
use tagwerk_api::{Method, Route, routes};

pub struct Mount {
    app: Shared,
    router: Router<Shared>,
    mounted: HashSet<(Method, &'static str)>,
}

impl Mount {
    pub fn new(app: Shared) -> Mount {
        Mount { app, router: Router::new(), mounted: HashSet::new() }
    }

    pub fn on<H, T>(mut self, route: &'static Route, handler: H) -> Mount
    where
        H: Handler<T, Shared>,
        T: 'static,
    {
        let filter = match route.method {
            Method::Get => MethodFilter::GET,
            Method::Post => MethodFilter::POST,
            Method::Put => MethodFilter::PUT,
            Method::Delete => MethodFilter::DELETE,
        };
        let gate = Gate { app: self.app.clone(), route };
        let guarded = on(filter, handler).layer(from_fn_with_state(gate, gate::pass));
        self.router = self.router.route(route.path, guarded);
        self.mounted.insert((route.method, route.path));
        self
    }

    /// The router, once every route of the list has its handler.
    pub fn finish(self) -> Router<Shared> {
        for route in routes::ALL {
            assert!(
                self.mounted.contains(&(route.method, route.path)),
                "{} {} is listed but has no handler",
                route.method.name(),
                route.path
            );
        }
        self.router
    }
}
