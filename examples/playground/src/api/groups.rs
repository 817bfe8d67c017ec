//! `/groups/NAME/…`: who is in which group.

use ssehub::Hub;

use crate::answer::Answer;

/// Joins (`POST`) or leaves (`DELETE`) with one connection.
pub(super) async fn connection(
    hub: &Hub,
    method: &str,
    group: &str,
    connection: &str,
    snapshot: bool,
) -> Result<Answer, Answer> {
    match (method, snapshot) {
        ("DELETE", _) => hub.leave(connection, group).await?,
        (_, true) => hub.join_with_snapshot(connection, group).await?,
        (_, false) => hub.join(connection, group).await?,
    }
    Ok(Answer::nothing())
}

/// Joins (`POST`) or leaves (`DELETE`) with all connections of a user, now and later.
pub(super) async fn user(hub: &Hub, method: &str, group: &str, user: &str) -> Result<Answer, Answer> {
    match method {
        "DELETE" => hub.leave_user(user, group).await?,
        _ => hub.join_user(user, group).await?,
    }
    Ok(Answer::nothing())
}
