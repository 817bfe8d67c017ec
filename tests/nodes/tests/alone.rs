//! The cases of one node: a log on disk, and what keeps a node from starting.

ssehub_node_tests::nodes! {
    before ();
    on each framework
    {
        restart {
            a_client_goes_on_after_a_restart,
            what_was_not_flushed_outlives_the_process,
            the_state_outlives_a_restart,
            gaps_are_told_exactly_after_a_restart,
            an_ephemeral_event_is_a_place_to_go_on_from_after_a_restart,
        }
        start {
            a_redis_that_cannot_be_had_is_told_in_one_line,
            a_directory_that_cannot_be_had_is_told_in_one_line,
        }
    }
}
