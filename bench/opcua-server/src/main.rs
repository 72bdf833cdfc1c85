//! A foreign OPC UA server with many values that all change every second, for benches.
//!
//! Usage: PORT COUNT. Prints "ready" when it serves; ends when it is killed.

use opcua::server::ServerBuilder;
use opcua::server::address_space::Variable;
use opcua::server::diagnostics::NamespaceMetadata;
use opcua::server::node_manager::memory::{SimpleNodeManager, simple_node_manager};
use opcua::types::{DataValue, NodeId};
use std::time::Duration;

const NAMESPACE: &str = "urn:bench";

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u32>());
    let (Some(Ok(port)), Some(Ok(count))) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: PORT COUNT");
        std::process::exit(2);
    };
    let metadata =
        NamespaceMetadata { namespace_uri: NAMESPACE.to_owned(), ..NamespaceMetadata::default() };
    let mut builder = ServerBuilder::new_anonymous("bench");
    // As many as are asked for: what the client costs is measured, not where this server ends.
    let limits = &mut builder.limits_mut().subscriptions;
    limits.max_monitored_items_per_sub = count as usize;
    limits.max_queued_notifications = 1_000;
    let (server, handle) = builder
        .host("127.0.0.1")
        .port(port as u16)
        .with_node_manager(simple_node_manager(metadata, "bench"))
        .build()
        .expect("the server's configuration is right");
    let manager = handle
        .node_managers()
        .get_of_type::<SimpleNodeManager>()
        .expect("the manager was added above");
    let space = handle.get_namespace_index(NAMESPACE).expect("the namespace was added above");
    let nodes: Vec<NodeId> = (0..count).map(|n| NodeId::new(space, n)).collect();
    {
        let mut addresses = manager.address_space().write();
        let variables = nodes.iter().enumerate().map(|(n, node)| {
            let name = format!("v{n}");
            Variable::new(node, name.clone(), name, 0.5f64)
        });
        let _ = addresses.add_variables(variables.collect(), &NodeId::objects_folder_id());
    }
    let changes = handle.clone();
    tokio::spawn(async move {
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        let mut number = 0.0;
        loop {
            tick.tick().await;
            number += 1.0;
            let values =
                nodes.iter().map(|node| (node, None, DataValue::new_now(number)));
            if let Err(status) = manager.set_values(changes.subscriptions(), values) {
                eprintln!("values cannot be set: {status}");
            }
        }
    });
    println!("ready");
    server.run().await.expect("the port is free");
}
