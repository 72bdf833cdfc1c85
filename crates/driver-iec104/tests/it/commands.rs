//! Commands: direct and selected, confirmed, refused, in doubt, and never repeated.

use crate::rig::{Far, Heard, Rig, counter};
use serde_json::json;
use tagwerk_component::{Fault, WriteSent};
use tagwerk_model::{DataType, Quality, Value};
use tagwerk_proto_iec104::{Cause, CommandQualifier, Element, Sign, Stage, TypeId};
use tokio::sync::mpsc;

const TAGS: [(&str, DataType); 2] =
    [("C_SC_NA_1:3001/sbo/q=2", DataType::Bool), ("C_SE_NC_1:2001", DataType::Float32)];

/// A station that answers each command as told, and says what it heard.
fn play(rig: &Rig, answers: &'static [Option<(Cause, Sign)>]) -> mpsc::Receiver<Heard> {
    let (tell, told) = mpsc::channel(64);
    rig.station(move |mut far: Far| {
        let tell = tell.clone();
        async move {
            far.start().await;
            for answer in answers {
                let heard = far.asdu().await;
                tell.send(heard.clone()).await.unwrap();
                match answer {
                    Some((cause, sign)) => far.mirror(&heard, *cause, *sign).await,
                    None => far.acknowledge().await,
                }
            }
            loop {
                let heard = far.asdu().await;
                if tell.send(heard.clone()).await.is_err() || heard == Heard::Closed {
                    return;
                }
            }
        }
    });
    told
}

const YES: Option<(Cause, Sign)> = Some((Cause::ACTIVATION_CONFIRMATION, Sign::Positive));
const NO: Option<(Cause, Sign)> = Some((Cause::ACTIVATION_CONFIRMATION, Sign::Negative));

fn heard(told: &mut mpsc::Receiver<Heard>) -> Vec<(TypeId, Element)> {
    let mut all = Vec::new();
    while let Ok(Heard::Asdu { type_id, cause, object, .. }) = told.try_recv() {
        assert_eq!(cause, Cause::ACTIVATION);
        all.push((type_id, object.element));
    }
    all
}

fn single(stage: Stage) -> (TypeId, Element) {
    let qualifier = CommandQualifier { code: 2, stage };
    (TypeId::C_SC_NA_1, Element::SingleCommand { on: true, qualifier })
}

#[tokio::test(start_paused = true)]
async fn a_selected_command_is_executed_once_its_selection_is_confirmed() {
    let rig = Rig::new(json!({}), &TAGS);
    let mut told = play(&rig, &[YES, YES]);
    let mut session = rig.open().await;
    rig.write(&mut *session, 0, Value::Bool(true)).await.unwrap();
    assert_eq!(heard(&mut told), [single(Stage::Select), single(Stage::Execute)]);
}

#[tokio::test(start_paused = true)]
async fn without_a_selection_nothing_is_executed() {
    for (answers, silent) in [(&[NO][..], false), (&[None][..], true)] {
        let rig = Rig::new(json!({ "command_timeout": "2s" }), &TAGS);
        let mut told = play(&rig, answers);
        let mut session = rig.open().await;
        let fault = rig.write(&mut *session, 0, Value::Bool(true)).await.unwrap_err();
        assert_eq!(fault.sent, WriteSent::No);
        assert_eq!(matches!(fault.fault, Fault::Silent(_)), silent, "{fault:?}");
        assert!(fault.fault.to_string().contains("nothing was executed"), "{fault:?}");
        assert_eq!(heard(&mut told), [single(Stage::Select)]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_says_why() {
    for (cause, quality, words) in [
        (Cause::ACTIVATION_CONFIRMATION, Quality::BAD_DEVICE_FAILURE, "negative confirmation"),
        (Cause::UNKNOWN_OBJECT_ADDRESS, Quality::BAD_UNKNOWN_ADDRESS, "unknown object address"),
        (Cause::UNKNOWN_TYPE, Quality::BAD_NOT_SUPPORTED, "unknown type"),
    ] {
        let rig = Rig::new(json!({}), &TAGS);
        rig.station(move |mut far| async move {
            far.start().await;
            let heard = far.asdu().await;
            far.mirror(&heard, cause, Sign::Negative).await;
            far.stay().await;
        });
        let mut session = rig.open().await;
        let fault = rig.write(&mut *session, 1, Value::F64(1.0)).await.unwrap_err();
        assert_eq!(fault.sent, WriteSent::No);
        let Fault::Refused { quality: found, reason } = fault.fault else { panic!("{fault:?}") };
        assert_eq!(found, quality.with_detail(cause.code().into()));
        assert!(reason.contains("C_SE_NC_1 to object 2001") && reason.contains(words), "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_without_an_answer_is_in_doubt_and_not_repeated() {
    let rig = Rig::new(json!({ "command_timeout": "2s" }), &TAGS);
    let mut told = play(&rig, &[None]);
    let mut session = rig.open().await;
    let fault = rig.write(&mut *session, 1, Value::F64(1.0)).await.unwrap_err();
    assert_eq!(fault.sent, WriteSent::Perhaps);
    assert!(fault.fault.to_string().contains("did not confirm C_SE_NC_1"), "{fault:?}");
    let mut out = Vec::new();
    // Nothing else is ever sent of it, until the link ends for want of an answer to a test.
    let link = async { while session.event(&mut out).await.is_ok() {} };
    let _ = tokio::time::timeout(std::time::Duration::from_secs(3600), link).await;
    assert_eq!(heard(&mut told).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_link_lost_after_a_command_leaves_it_in_doubt() {
    let rig = Rig::new(json!({}), &TAGS);
    rig.station(|mut far| async move {
        far.start().await;
        far.asdu().await;
    });
    let mut session = rig.open().await;
    let fault = rig.write(&mut *session, 1, Value::F64(1.0)).await.unwrap_err();
    assert_eq!(fault.sent, WriteSent::Perhaps);
    assert!(matches!(fault.fault, Fault::Link(_)));
    let fault = rig.write(&mut *session, 1, Value::F64(1.0)).await.unwrap_err();
    assert_eq!(fault.sent, WriteSent::No, "the link is known to be gone");
}

#[tokio::test(start_paused = true)]
async fn a_late_confirmation_is_not_taken_for_that_of_the_next_command() {
    let rig = Rig::new(json!({ "command_timeout": "2s" }), &TAGS);
    rig.station(|mut far| async move {
        far.start().await;
        let first = far.asdu().await;
        far.acknowledge().await;
        let second = far.asdu().await;
        far.mirror(&first, Cause::ACTIVATION_CONFIRMATION, Sign::Positive).await;
        let _ = second;
        far.stay().await;
    });
    let mut session = rig.open().await;
    for _ in 0..2 {
        let fault = rig.write(&mut *session, 1, Value::F64(1.0)).await.unwrap_err();
        assert_eq!(fault.sent, WriteSent::Perhaps, "equal commands, one confirmation");
    }
    let counters = session.counters();
    assert!(counters.contains(&("late confirmations", 1)), "{counters:?}");
}

#[tokio::test(start_paused = true)]
async fn another_value_confirmed_is_no_confirmation() {
    let rig = Rig::new(json!({ "command_timeout": "2s" }), &TAGS);
    rig.station(|mut far| async move {
        far.start().await;
        let Heard::Asdu { type_id, cause: _, station, mut object } = far.asdu().await else {
            panic!()
        };
        object.element = Element::SetFloat { value: 99.0, qualifier: Default::default() };
        let cause = Cause::ACTIVATION_CONFIRMATION;
        let other = Heard::Asdu { type_id, cause, station, object };
        far.mirror(&other, cause, Sign::Positive).await;
        far.stay().await;
    });
    let mut session = rig.open().await;
    let fault = rig.write(&mut *session, 1, Value::F64(1.0)).await.unwrap_err();
    assert_eq!(fault.sent, WriteSent::Perhaps);
    assert_eq!(counter(&mut *session, "foreign confirmations"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_command_may_be_done_only_when_it_is_terminated() {
    for (end, ends, done) in
        [("termination", true, true), ("termination", false, false), ("confirmation", false, true)]
    {
        let rig = Rig::new(json!({ "command_end": end, "command_timeout": "2s" }), &TAGS);
        rig.station(move |mut far| async move {
            far.start().await;
            let heard = far.asdu().await;
            far.mirror(&heard, Cause::ACTIVATION_CONFIRMATION, Sign::Positive).await;
            if ends {
                far.mirror(&heard, Cause::ACTIVATION_TERMINATION, Sign::Positive).await;
            }
            far.stay().await;
        });
        let mut session = rig.open().await;
        let result = rig.write(&mut *session, 1, Value::F64(1.0)).await;
        match done {
            true => result.unwrap(),
            false => assert_eq!(result.unwrap_err().sent, WriteSent::Perhaps),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_value_that_cannot_be_commanded_is_not_sent() {
    let rig =
        Rig::new(json!({}), &[("C_SE_NB_1:1", DataType::Int32), ("C_DC_NA_1:2", DataType::Uint8)]);
    let mut told = play(&rig, &[]);
    let mut session = rig.open().await;
    for (tag, value) in [(0, Value::I64(32_768)), (1, Value::U64(3)), (1, Value::U64(0))] {
        let fault = rig.write(&mut *session, tag, value).await.unwrap_err();
        assert_eq!(fault.sent, WriteSent::No);
        assert!(fault.fault.to_string().contains("outside"), "{fault:?}");
    }
    assert_eq!(heard(&mut told), []);
}
