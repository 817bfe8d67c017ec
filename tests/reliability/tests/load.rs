//! The cases that need the machine for themselves: they run one after the other.

ssehub_reliability::reliability! {
    run alone;
    stalls {
        readers_that_take_nothing_leave_and_slow_nobody,
        http2_readers_that_take_nothing_leave_and_slow_nobody,
        a_slow_reader_that_takes_something_stays,
    }
    groups {
        a_thousand_groups_on_one_connection_are_served_and_forgotten,
        connections_with_a_thousand_groups_leave_memory_flat,
    }
    storms {
        header_bombs_are_refused_and_cost_nothing,
    }
}
