//! Tickets that several redeem, and users that are logged out while they connect.

use shuttle::future::block_on;
use shuttle::thread;
use ssehub::{ConnectRequest, Hub, Identity};

use crate::support::Tab;
use crate::{check, join_all, read_to_end};

fn ticket(hub: &Hub) -> String {
    block_on(hub.issue_ticket(Identity::user("alice"))).expect("there is room for it").to_string()
}

#[test]
fn of_three_who_redeem_a_ticket_one_wins() {
    check(|| {
        let hub = Hub::new();
        let ticket = ticket(&hub);
        let redeemers = [(); 3].map(|()| {
            let (hub, ticket) = (hub.clone(), ticket.clone());
            thread::spawn(move || block_on(hub.redeem_ticket(&ticket)).is_ok())
        });
        assert_eq!(join_all(redeemers).into_iter().filter(|won| *won).count(), 1);
        assert!(block_on(hub.redeem_ticket(&ticket)).is_err());
    });
}

#[test]
fn a_ticket_that_is_redeemed_while_its_user_is_logged_out_lets_nobody_in_who_stays() {
    check(|| {
        let hub = Hub::new();
        let ticket = ticket(&hub);
        let redeemer = thread::spawn({
            let (hub, ticket) = (hub.clone(), ticket.clone());
            move || {
                let identity = block_on(hub.redeem_ticket(&ticket)).ok()?;
                Tab::try_open(&hub, ConnectRequest::new().identity(identity)).ok()
            }
        });
        let ended = block_on(hub.revoke_user("alice", "logged out")).unwrap();
        assert!(block_on(hub.redeem_ticket(&ticket)).is_err(), "it was taken back, or redeemed before");
        match redeemer.join().expect("it connects, or is refused") {
            Some(mut tab) => {
                assert_eq!(ended, 1, "who was let in was ended");
                assert!(read_to_end(&mut tab).last().is_some_and(|event| event.name == "hub:closing"));
            }
            None => assert_eq!(ended, 0, "who was refused was never there"),
        }
        assert_eq!((hub.stats().connections, hub.stats().users, hub.stats().tickets), (0, 0, 0));
    });
}

#[test]
fn who_connects_while_its_user_is_logged_out_is_ended_or_came_after_it() {
    check(|| {
        let hub = Hub::new();
        let comer = thread::spawn({
            let hub = hub.clone();
            move || Tab::open(&hub, ConnectRequest::new().identity(Identity::user("alice")))
        });
        let ended = block_on(hub.revoke_user("alice", "logged out")).unwrap();
        let mut tab = comer.join().expect("it connects");
        if ended == 1 {
            let events = read_to_end(&mut tab);
            let last = events.last().map(|event| (event.name.as_str(), event.data.as_str()));
            assert_eq!(last, Some(("hub:closing", r#"{"reason":"logged out"}"#)));
            assert!(!hub.is_online("alice"));
        } else {
            assert_eq!(ended, 0);
            assert!(tab.read_one() && hub.is_online("alice"));
        }
        drop(tab);
        assert_eq!((hub.stats().connections, hub.stats().users), (0, 0));
    });
}
