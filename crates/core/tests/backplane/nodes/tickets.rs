//! Tickets are good for once, on whichever node.

use std::time::Duration;

use ssehub::{Hub, Identity, TicketErrorKind};

use super::nodes;
use crate::support::{eventually, within};

fn issue(hub: &Hub) -> String {
    let identity = Identity::user("alice").group("traders").expires_in(Duration::from_secs(3600));
    within("a ticket", hub.issue_ticket(identity)).unwrap().to_string()
}

fn redeem(hub: &Hub, ticket: &str) -> Result<Identity, TicketErrorKind> {
    within("redeeming it", hub.redeem_ticket(ticket)).map_err(|error| error.kind())
}

#[test]
fn a_ticket_of_one_node_lets_one_stream_in_on_any_other() {
    let (_log, nodes) = nodes::<2>(|hub| hub);
    let [(_, here), (_, there)] = &nodes;
    let ticket = issue(here);
    let identity = redeem(there, &ticket).unwrap();
    let stream = there.connect(ssehub::ConnectRequest::new().identity(identity)).unwrap();
    let info = there.connection(stream.id()).unwrap();
    assert_eq!((info.user.as_deref(), &info.groups[..]), (Some("alice"), &["traders".to_owned()][..]));
    for hub in [here, there] {
        assert_eq!(redeem(hub, &ticket).unwrap_err(), TicketErrorKind::Invalid);
    }
}

#[test]
fn of_all_who_come_with_a_ticket_at_once_on_all_nodes_one_is_let_in() {
    let (_log, nodes) = nodes::<3>(|hub| hub);
    for _ in 0..20 {
        let ticket = issue(&nodes[0].1);
        let redeemed = std::thread::scope(|scope| {
            let all: Vec<_> = (0..6)
                .map(|n| {
                    let (hub, ticket) = (&nodes[n % 3].1, &ticket);
                    scope.spawn(move || redeem(hub, ticket))
                })
                .collect();
            all.into_iter().map(|one| one.join().unwrap()).filter(Result::is_ok).count()
        });
        assert_eq!(redeemed, 1);
    }
}

#[test]
fn a_logout_on_one_node_makes_tickets_worthless_on_all() {
    let (_log, nodes) = nodes::<2>(|hub| hub);
    let [(_, here), (_, there)] = &nodes;
    let ticket = issue(here);
    let redeemed = redeem(there, &issue(here)).unwrap();
    assert_eq!(within("the logout", here.revoke_user("alice", "out")).unwrap(), 0);
    assert_eq!(redeem(there, &ticket).unwrap_err(), TicketErrorKind::Invalid);
    eventually("the logout to be heard of", || there.connect(refused(&redeemed)).is_err());
}

fn refused(identity: &Identity) -> ssehub::ConnectRequest {
    ssehub::ConnectRequest::new().identity(identity.clone())
}

#[test]
fn a_node_that_is_cut_off_says_that_it_can_neither_issue_nor_redeem() {
    let (_log, nodes) = nodes::<2>(|hub| hub);
    let (line, hub) = &nodes[1];
    let ticket = issue(&nodes[0].1);
    eventually("it to be heard of", || hub.stats().tickets == 1);
    line.cut(true);
    let issued = within("a ticket", hub.issue_ticket(Identity::user("bob")));
    assert_eq!(issued.unwrap_err().kind(), TicketErrorKind::Unavailable);
    assert_eq!(redeem(hub, &ticket).unwrap_err(), TicketErrorKind::Unavailable);
    eventually("the node to notice", || !hub.is_ready());
    assert_eq!(redeem(hub, &"0".repeat(32)).unwrap_err(), TicketErrorKind::Unavailable, "it may not have heard of it");
    assert_eq!(redeem(hub, "no ticket").unwrap_err(), TicketErrorKind::Invalid);
}
