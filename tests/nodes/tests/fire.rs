//! The cases under fire, which need the machine for themselves: they run one after the other.

mod redis {
    ssehub_node_tests::nodes! {
        before ssehub_conformance::turn::turn(env!("CARGO_TARGET_TMPDIR")).await;
        on {
            axum_and_actix(Axum, Actix)
            lean_and_rocket(Lean, Rocket)
        }
        {
            hopping {
                clients_that_hop_between_nodes_see_every_event_once_and_in_order,
            }
        }
    }
}

mod disk {
    ssehub_node_tests::nodes! {
        before ssehub_conformance::turn::turn(env!("CARGO_TARGET_TMPDIR")).await;
        on each framework
        {
            restart {
                a_node_that_is_killed_over_and_over_loses_and_doubles_nothing,
                a_node_that_is_killed_between_flushes_loses_and_doubles_nothing,
            }
        }
    }
}
