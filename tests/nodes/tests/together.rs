//! The cases of two nodes and more: each framework is once the first and once the second.

ssehub_node_tests::nodes! {
    before ();
    on {
        axum_and_actix(Axum, Actix)
        actix_and_lean(Actix, Lean)
        lean_and_rocket(Lean, Rocket)
        rocket_and_axum(Rocket, Axum)
    }
    {
        order {
            one_order_on_all_nodes,
            the_sender_and_readers_elsewhere_see_the_same_id,
        }
        addressing {
            every_audience_reaches_whom_it_names_on_every_node,
            an_ephemeral_event_reaches_every_node_in_its_place,
        }
        resume {
            a_client_goes_on_at_the_other_node,
            a_client_that_changes_nodes_after_every_event_sees_each_once,
            a_client_that_is_ahead_of_a_node_misses_nothing_there,
            the_cursor_of_a_keep_alive_is_good_at_the_other_node,
            what_was_trimmed_is_a_gap_at_the_other_node,
            an_ephemeral_event_is_a_place_to_go_on_from_at_the_other_node,
            an_id_shows_nothing_that_is_not_ones_own_at_the_other_node,
            a_node_that_was_cut_off_catches_up,
        }
        state {
            a_snapshot_holds_what_was_set_at_the_other_node,
            a_newer_event_of_a_key_supersedes_an_older_one_of_the_other_node,
            a_join_by_the_other_node_may_bring_a_snapshot,
            a_snapshot_and_live_have_no_seam_on_either_node,
        }
        groups {
            a_connection_of_another_node_joins_and_leaves,
            a_join_by_another_node_is_told_by_the_own_one,
            a_member_that_joins_by_two_nodes_gets_each_event_once,
            a_connection_of_no_node_is_unknown,
            a_join_beyond_the_limit_is_refused_by_every_node,
            a_user_joins_on_every_node_now_and_later,
            a_user_that_is_away_joins_on_every_node,
        }
        disconnect {
            streams_end_on_every_node_and_are_counted,
            a_stream_that_opens_after_the_end_stays,
        }
        presence {
            every_node_tells_who_is_on_any,
            a_node_that_starts_late_knows_who_is_there,
            what_a_killed_node_had_is_gone_in_time,
            what_a_node_had_that_was_stopped_is_gone_at_once,
            a_node_that_stood_still_is_back_with_what_it_had,
        }
        limits {
            the_streams_of_a_user_are_counted_over_nodes,
            a_killed_node_gives_its_places_back,
        }
        sessions {
            a_session_goes_over_to_the_other_node,
            a_parked_session_resumes_at_the_other_node,
            a_session_outlives_its_node,
            a_session_outlives_the_timeout_of_its_node,
            a_session_is_its_users_and_ends_on_every_node,
            takeovers_between_nodes_lose_and_double_nothing,
            of_many_that_come_to_both_nodes_at_once_one_stays,
            a_window_that_is_over_ends_the_session_on_every_node,
        }
        tickets {
            a_ticket_of_one_node_opens_one_stream_on_the_other,
            of_all_who_come_with_a_ticket_at_once_one_is_let_in,
            an_expired_ticket_opens_nothing_on_any_node,
            what_is_no_ticket_opens_nothing_on_any_node,
            a_ticket_outlives_its_node,
            a_node_that_starts_late_takes_a_ticket,
            tickets_outlive_a_redis_that_is_gone,
            a_ticket_that_may_have_been_used_lets_in_one_at_most,
        }
        strangers {
            hubs_of_different_names_share_nothing,
            an_id_of_another_hub_is_of_another_log,
        }
        outage {
            streams_outlive_a_restart_of_redis,
            streams_outlive_a_redis_that_stands_still,
            a_log_that_was_lost_is_told_as_a_gap,
            one_node_that_is_cut_off_is_alone_in_that,
            a_node_leaves_in_time_while_redis_is_away,
        }
        late {
            a_node_that_starts_late_serves_what_is_retained,
            a_node_that_starts_late_knows_the_state,
            a_node_that_starts_late_tells_gaps_exactly,
            a_deploy_of_every_node_loses_nothing,
        }
    }
}
