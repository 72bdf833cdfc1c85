//! Routes of lookup tables.

use super::*;

pub const LOOKUP_TABLES: Route = asks(
    &[OFFSET, LIMIT],
    route(
        Get,
        "/api/v1/tables",
        VIEWER,
        "All lookup tables, and how reading them fares",
        json::<Page<LookupTable>>(),
    ),
);
pub const LOOKUP_TABLE: Route = asks(
    &[OFFSET, LIMIT],
    route(
        Get,
        "/api/v1/tables/{name}",
        VIEWER,
        "One lookup table, with a page of its rows",
        json::<LookupTableDetail>(),
    ),
);
pub const REFRESH_TABLE: Route = route(
    Post,
    "/api/v1/tables/{name}/refresh",
    OPERATOR,
    "Reads a lookup table from its source now",
    json::<LookupTable>(),
);
