//! The protocol, message by message.

use super::client::Client;
use super::plant::Rig;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simple_statements_answer_in_their_order() {
    let rig = Rig::start().await;
    let mut client = Client::log_in(&rig).await;
    assert_eq!(client.told("SELECT 1, 'a' AS b, NULL").await, "[1,a,∅] SELECT 1 I");
    assert_eq!(client.told("").await, "I I");
    rig.end().await;
}
