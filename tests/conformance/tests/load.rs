//! The cases that need the machine for themselves: they run one after the other.

ssehub_conformance::conformance! {
    before ssehub_conformance::turn::turn(env!("CARGO_TARGET_TMPDIR")).await;
    fire {
        readers_that_are_cut_at_random_see_every_event_once_and_in_order,
        sessions_that_are_cut_at_random_see_every_event_once_and_in_order,
        no_healthy_reader_is_outrun,
        no_wake_is_lost,
    }
    memory {
        stalled_readers_cost_no_memory_and_slow_nobody,
        stalled_replays_cost_no_memory,
    }
    parked {
        sessions_that_are_given_up_are_bounded,
        a_thousand_windows_end,
    }
}
