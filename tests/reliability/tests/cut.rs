//! The cases in which links are cut: each runs in a network of its own.

ssehub_reliability::reliability! {
    run cut_off;
    vanished {
        clients_that_vanish_while_data_waits_leave_and_slow_nobody,
        quiet_clients_that_vanish_are_found_by_keep_alives,
        a_link_that_comes_back_has_lost_nothing,
        behind_nginx_clients_that_vanish_are_closed_everywhere,
    }
}
