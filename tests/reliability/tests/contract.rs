//! The cases that run side by side.

ssehub_reliability::reliability! {
    run side_by_side;
    limits {
        every_limit_on_streams_is_told_and_counted,
        every_limit_on_events_and_groups_is_told_and_counted,
    }
    oversized {
        oversized_requests_are_refused_and_cost_nothing,
    }
    slow_heads {
        slow_heads_are_ended_where_there_is_a_limit_and_slow_nobody,
    }
}
