//! `GET /events`: what the query adds to a stream's request.

use ssehub::ConnectRequest;

use crate::answer::Answer;
use crate::query::Query;

/// Adds user, groups and snapshot from the query, and believes them.
pub(crate) fn identify(request: ConnectRequest, query: Option<&str>) -> Result<ConnectRequest, Answer> {
    let mut query = Query::parse(query)?;
    let user = query.one("user")?;
    let groups = query.all("group");
    let snapshot = query.flag("snapshot")?;
    // Sessions need a resume window, and this build has none; a page that names one gets a plain stream.
    query.one("session")?;
    // The adapter has read it.
    query.one("lastEventId")?;
    query.finish()?;

    let request = request.groups(groups).snapshot(snapshot);
    Ok(match user {
        Some(user) => request.user(user),
        None => request,
    })
}
