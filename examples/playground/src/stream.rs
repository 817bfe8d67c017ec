//! `GET /events`: what the query adds to a stream's request.

use ssehub::{ConnectError, ConnectRequest, Connection, Hub};

use crate::answer::Answer;
use crate::query::Query;

/// Opens a stream for whom its query names, or for whom its ticket was issued.
pub(crate) async fn open(
    hub: &Hub,
    request: ConnectRequest,
    query: Option<&str>,
) -> Result<Result<Connection, ConnectError>, Answer> {
    let mut query = Query::parse(query)?;
    let Some(ticket) = query.one("ticket")? else {
        return Ok(hub.connect(identify(request, query)?));
    };
    // The ticket says who asks: beside it, `user` and `group` are unknown.
    let request = complete(request, query)?;
    Ok(match hub.redeem_ticket(&ticket).await {
        Ok(identity) => hub.connect(request.identity(identity)),
        Err(error) => Err(error.into()),
    })
}

/// Adds user, groups, session and snapshot from the query, and believes them.
pub(crate) fn identify(request: ConnectRequest, mut query: Query) -> Result<ConnectRequest, Answer> {
    let user = query.one("user")?;
    let request = request.groups(query.all("group"));
    let request = complete(request, query)?;
    Ok(match user {
        Some(user) => request.user(user),
        None => request,
    })
}

/// Adds what says nothing of who asks.
fn complete(request: ConnectRequest, mut query: Query) -> Result<ConnectRequest, Answer> {
    let request = request.snapshot(query.flag("snapshot")?);
    let session = query.one("session")?;
    // The adapter has read it.
    query.one("lastEventId")?;
    query.finish()?;
    Ok(match session {
        Some(session) => request.session(session),
        None => request,
    })
}
