//! What every answer of the playground has to be.

use ssehub_playground::Reply;

/// A refusal says why, as JSON.
pub(crate) fn check_refusal(reply: &Reply) {
    assert_eq!(reply.content_type, "application/json", "{reply:?}");
    let body: serde_json::Value = serde_json::from_str(&reply.body).expect("a refusal is JSON");
    let reason = body.get("error").and_then(serde_json::Value::as_str);
    assert!(reason.is_some_and(|reason| !reason.is_empty()), "a refusal says why: {reply:?}");
}

/// Anything else is what it says it is.
pub(crate) fn check_answer(reply: &Reply) {
    match reply.status {
        204 => assert_eq!(reply.body, ""),
        200 if reply.content_type == "application/json" => {
            serde_json::from_str::<serde_json::Value>(&reply.body).expect("the answer is JSON");
        }
        200 => assert!(reply.content_type.starts_with("text/plain"), "{reply:?}"),
        _ => panic!("{reply:?} is neither an answer nor a refusal"),
    }
}
