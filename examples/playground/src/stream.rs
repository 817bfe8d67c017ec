//! `GET /events`: what the query adds to a stream's request.

use ssehub::ConnectRequest;

use crate::answer::Answer;
use crate::query::Query;

/// Adds user, groups, session and snapshot from the query, and believes them.
pub(crate) fn identify(request: ConnectRequest, query: Option<&str>) -> Result<ConnectRequest, Answer> {
    let mut query = Query::parse(query)?;
    let user = query.one("user")?;
    let groups = query.all("group");
    let snapshot = query.flag("snapshot")?;
    let session = query.one("session")?;
    // The adapter has read it.
    query.one("lastEventId")?;
    query.finish()?;

    let mut request = request.groups(groups).snapshot(snapshot);
    if let Some(user) = user {
        request = request.user(user);
    }
    if let Some(session) = session {
        request = request.session(session);
    }
    Ok(request)
}
