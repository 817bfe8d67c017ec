//! The playground's API: whatever is asked, it answers with a status that means something, and says why where it
//! refuses. Nothing panics, and a refusal changes nothing.

use arbitrary::{Arbitrary, Unstructured};
use ssehub::{ConnectRequest, Event, History, Hub, Topic};
use ssehub_playground::{Offline, Reply};

use crate::encoding::text;
use crate::reader::{Reader, now};
use crate::reply::{check_answer, check_refusal};
use crate::script::to_the_end;

/// The largest data that is taken.
const MAX_EVENT_BYTES: usize = 64;

/// See the [crate].
pub fn api(data: &[u8]) {
    let Ok(script) = Script::arbitrary_take_rest(Unstructured::new(data)) else { return };
    let hub = Hub::builder()
        .history(History::default().events(8))
        .max_event_bytes(MAX_EVENT_BYTES)
        .max_groups_per_connection(3)
        .build()
        .expect("the options are in range");
    let playground = Offline::new(hub.clone(), MAX_EVENT_BYTES);
    let request = ConnectRequest::new().user("u").group("g");
    let mut reader = Reader::new(hub.connect(request).expect("the stream is let in"));
    for ask in &script.asks {
        let before = hub.stats();
        let reply = ask.put(&playground);
        let refused = match reply.status {
            200 | 204 => false,
            400 | 404 | 405 | 406 | 413 | 503 => true,
            status => panic!("{ask:?} is answered {status}"),
        };
        if refused {
            check_refusal(&reply);
            assert_eq!(hub.stats(), before, "{ask:?} is refused and changes something");
        } else {
            check_answer(&reply);
        }
    }
    // Whatever was asked, the hub still works.
    now(hub.send_unpaced(Topic::All, Event::message("end"))).expect("the event is taken");
    let blocks = reader.read();
    let ended = blocks.iter().any(|block| block.text() == "end" || block.name() == "hub:closing");
    assert!(ended, "the stream does not go on: {blocks:?}");
}

#[derive(Arbitrary, Debug)]
struct Script<'a> {
    #[arbitrary(with = to_the_end)]
    asks: Vec<Ask<'a>>,
}

/// A request.
#[derive(Arbitrary, Debug)]
enum Ask<'a> {
    Send {
        query: &'a [u8],
        body: &'a [u8],
    },
    /// Publishes nothing: what cannot end soon would not be found out.
    Publish {
        query: &'a [u8],
    },
    Disconnect {
        query: &'a [u8],
    },
    Group {
        method: Method,
        path: &'a [u8],
        query: &'a [u8],
    },
    Any {
        method: Method,
        path: &'a [u8],
        query: Option<&'a [u8]>,
        body: &'a [u8],
    },
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Method {
    Get,
    Head,
    Delete,
    Put,
    /// What no route has.
    Odd,
    /// Only where nothing can be published.
    Post,
}

impl Method {
    fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Delete => "DELETE",
            Self::Put => "PUT",
            Self::Odd => "post",
            Self::Post => "POST",
        }
    }
}

impl Ask<'_> {
    fn put(&self, playground: &Offline) -> Reply {
        let ask =
            |method: &str, path: &str, query: Option<&str>, body: &[u8]| now(playground.ask(method, path, query, body));
        match self {
            Self::Send { query, body } => ask("POST", "/send", Some(&text(query)), body),
            Self::Publish { query } => ask("POST", "/publish", Some(&format!("count=0&{}", text(query))), b""),
            Self::Disconnect { query } => ask("POST", "/disconnect", Some(&text(query)), b""),
            Self::Group { method, path, query } => {
                ask(method.name(), &format!("/groups/{}", text(path)), Some(&text(query)), b"")
            }
            Self::Any { method: Method::Post, .. } => ask("POST", "/", None, b""),
            Self::Any { method, path, query, body } => {
                let query = query.map(text);
                ask(method.name(), &format!("/{}", text(path)), query.as_deref(), body)
            }
        }
    }
}
