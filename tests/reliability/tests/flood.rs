//! The floods: a tenth of each with every run of the tests, all of it with `cargo xtask flood`.

ssehub_reliability::reliability! {
    run side_by_side;
    churn {
        connects_and_drops_leave_memory_flat,
        topics_once_used_leave_memory_flat,
    }
    storms {
        streams_that_are_reset_at_once_leave_nothing,
        streams_that_open_and_are_reset_leave_nothing,
    }
}
