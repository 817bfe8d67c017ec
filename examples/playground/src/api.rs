//! The API: every request but `GET /events`, from method, path and query to an [`Answer`].

mod body;
mod groups;
mod observe;
mod publish;
mod send;
mod tickets;

use std::fmt::Display;

use bytes::Bytes;
use futures::Stream;

use crate::Playground;
use crate::answer::Answer;
use crate::query::{Query, decode};
use crate::target;

/// A request, in no framework's terms.
#[derive(Debug)]
pub(crate) struct Request<'a, B> {
    pub(crate) method: &'a str,
    /// As it came, percent-encoded.
    pub(crate) path: &'a str,
    pub(crate) query: Option<&'a str>,
    /// The length of the body, where the client has told it.
    pub(crate) length: Option<u64>,
    /// Read only where a request has data.
    pub(crate) body: B,
}

/// Answers a request. Never fails: errors are answers too.
pub(crate) async fn answer<B, E>(playground: &Playground, request: Request<'_, B>) -> Answer
where
    B: Stream<Item = Result<Bytes, E>> + Unpin,
    E: Display,
{
    match dispatch(playground, request).await {
        Ok(answer) | Err(answer) => answer,
    }
}

async fn dispatch<B, E>(playground: &Playground, request: Request<'_, B>) -> Result<Answer, Answer>
where
    B: Stream<Item = Result<Bytes, E>> + Unpin,
    E: Display,
{
    let segments = request.path.split('/').skip(1).map(decode).collect::<Result<Vec<_>, _>>()?;
    let segments = segments.iter().map(String::as_str).collect::<Vec<_>>();
    if segments.contains(&"") {
        return Err(not_found(request.path));
    }
    let mut query = Query::parse(request.query)?;
    let hub = &playground.hub;

    // `GET /events` has been taken by the framework's own route.
    match (segments.as_slice(), request.method) {
        (["events"], _) => Err(Answer::not_allowed("GET, HEAD, POST")),

        (["send"], "POST") => {
            let order = send::Order::parse(&mut query)?;
            query.finish()?;
            let data = body::read(request.length, request.body, playground.max_event_bytes).await?;
            send::send(hub, order, data).await
        }
        (["publish"], "POST") => {
            let order = publish::parse(&mut query, playground.max_event_bytes)?;
            query.finish()?;
            publish::publish(hub, &order).await
        }
        (["disconnect"], "POST") => {
            let to = query.one("to")?.ok_or_else(|| Answer::bad("to is missing; say whose streams to end"))?;
            query.finish()?;
            let disconnected = hub.disconnect(target::topic(&to)?, "disconnected").await?;
            Ok(Answer::json(&serde_json::json!({ "disconnected": disconnected })))
        }
        (["tickets"], "POST") => {
            let identity = tickets::parse(&mut query)?;
            query.finish()?;
            tickets::issue(hub, identity).await
        }
        (["send" | "publish" | "disconnect" | "tickets"], _) => Err(Answer::not_allowed("POST")),

        (["groups", group, "connections", connection], method @ ("POST" | "DELETE")) => {
            let snapshot = query.flag("snapshot")?;
            query.finish()?;
            groups::connection(hub, method, group, connection, snapshot).await
        }
        (["groups", group, "users", user], method @ ("POST" | "DELETE")) => {
            query.finish()?;
            groups::user(hub, method, group, user).await
        }
        (["groups", _, "connections" | "users", _], _) => Err(Answer::not_allowed("POST, DELETE")),

        (["connections" | "lifecycle" | "stats" | "healthz" | "metrics"] | ["users", _], "GET" | "HEAD") => {
            query.finish()?;
            observe::observe(playground, &segments).ok_or_else(|| not_found(request.path))
        }
        (["connections" | "lifecycle" | "stats" | "healthz" | "metrics"] | ["users", _], _) => {
            Err(Answer::not_allowed("GET, HEAD"))
        }

        _ => Err(not_found(request.path)),
    }
}

fn not_found(path: &str) -> Answer {
    Answer::error(404, &format!("there is nothing at {path:?}"))
}
