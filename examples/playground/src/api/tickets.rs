//! `POST /tickets`: a ticket, by which `GET /events?ticket=` opens one stream for whom it was issued.

use serde_json::json;
use ssehub::{Hub, Identity};

use crate::answer::Answer;
use crate::query::Query;

/// Reads who the ticket is for, and believes it.
pub(super) fn parse(query: &mut Query) -> Result<Identity, Answer> {
    let identity = query.one("user")?.map_or_else(Identity::anonymous, Identity::user);
    Ok(identity.groups(query.all("group")))
}

/// Issues a ticket.
pub(super) async fn issue(hub: &Hub, identity: Identity) -> Result<Answer, Answer> {
    let ticket = hub.issue_ticket(identity).await?;
    Ok(Answer::json(&json!({ "ticket": ticket.to_string() })))
}
