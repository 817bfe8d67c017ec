//! Clients that stall, dawdle, ask for too much or send too much.

ssehub_reliability::reliability! {
    run side_by_side;
    slow_heads {
        slow_heads_are_ended_where_there_is_a_limit_and_slow_nobody,
    }
    stalls {
        readers_that_take_nothing_leave_and_slow_nobody,
        a_slow_reader_that_takes_something_stays,
    }
    bursts {
        bursts_outrun_no_reader_that_a_keep_alive_has_woken,
    }
    limits {
        every_limit_on_streams_is_told_and_counted,
        every_limit_on_events_and_groups_is_told_and_counted,
    }
    oversized {
        oversized_requests_are_refused_and_cost_nothing,
    }
    storms {
        header_bombs_are_refused_and_cost_nothing,
    }
    groups {
        a_thousand_groups_on_one_connection_are_served_and_forgotten,
        connections_with_a_thousand_groups_leave_memory_flat,
    }
}
