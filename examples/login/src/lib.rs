//! A page with a login, whose event stream is its user's alone: everything of the three login examples that has nothing
//! to do with a web framework. What is left to `login-axum`, `login-actix` and `login-rocket` is how to use the adapter.
//!
//! What the hub is used for:
//!
//! | in the application | on the hub |
//! |---|---|
//! | a login, and when it ends | an [`Identity`](ssehub::Identity) |
//! | `EventSource`, which can send no header | [`Hub::issue_ticket`](ssehub::Hub::issue_ticket), [`Hub::redeem_ticket`](ssehub::Hub::redeem_ticket) |
//! | a reload of the stream after a cut | [`ConnectRequest::session`](ssehub::ConnectRequest::session), and a cookie |
//! | a logout | [`Hub::revoke_user`](ssehub::Hub::revoke_user) |
//! | a browser that comes back all the same | [`ConnectError::stop`](ssehub::ConnectError::stop) |
//! | a note in all tabs of its user | [`Hub::send_to_user`](ssehub::Hub::send_to_user) |
//!
//! [`Site`] has the operations, [`Visit`] what a stream is opened with.

mod bearer;
mod forms;
mod grants;
mod options;
pub mod page;
mod refusal;
mod site;
mod visit;

pub use bearer::bearer;
pub use forms::{FreshTicket, Login, NewLogin, NewNote};
pub use options::Options;
pub use refusal::Refusal;
pub use site::{MAX_BODY, Opened, Site};
pub use stop_signal::stop_signal;
pub use visit::Visit;
