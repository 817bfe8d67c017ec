//! The cases that run side by side: what the hub promises, over each framework and on each backplane.

ssehub_conformance::conformance! {
    before ();
    and on each backplane;
    addressing {
        every_audience_reaches_whom_it_names_and_once,
        every_audience_holds_in_replay,
        an_event_to_a_connection_is_for_no_later_one,
        an_excepted_user_is_excepted_on_every_connection,
    }
    disconnect {
        a_fin_is_noticed_when_the_framework_can,
        a_reset_is_noticed_when_the_framework_can,
        a_half_closed_connection_is_noticed_when_the_framework_can,
        a_fin_after_stray_bytes_is_noticed_when_the_framework_can,
        a_lost_http2_connection_is_noticed_when_the_framework_can,
        a_reset_http2_stream_is_noticed_when_the_framework_can,
        keep_alives_clean_up_whoever_is_gone,
        a_stalled_reader_that_leaves_is_cleaned_up,
        a_storm_of_aborted_connects_leaves_no_ghost,
        stray_bytes_disturb_no_stream,
    }
    gap {
        a_client_whose_events_were_trimmed_is_told_so,
        a_client_that_missed_only_what_others_got_is_told_nothing,
        the_event_that_was_seen_last_may_be_trimmed,
        one_trimmed_event_is_a_gap,
        trimming_by_bytes_is_told,
        trimming_by_age_is_told,
        without_history_whatever_was_missed_is_a_gap,
        an_id_that_proves_nothing_is_a_gap,
        an_id_that_is_no_text_is_a_gap_where_it_is_seen,
        a_gap_cannot_be_lost_on_the_way,
        a_reader_that_lagged_past_retention_is_told_in_mid_stream,
    }
    groups {
        a_connection_gets_what_comes_while_it_is_a_member,
        what_was_sent_before_a_leave_is_read_after_it,
        a_member_that_joins_again_gets_each_event_once,
        leaving_a_strange_group_is_no_error,
        a_user_joins_with_every_connection_now_and_later,
        a_user_that_is_away_joins_all_the_same,
        an_empty_group_is_not_counted,
        an_unknown_connection_cannot_join,
    }
    keep_alive {
        a_quiet_stream_is_told_the_head_and_fires_no_event,
        a_cursor_from_a_keep_alive_outlives_the_history,
        keep_alives_come_at_their_interval,
        a_busy_stream_gets_no_keep_alive,
    }
    lifecycle {
        hooks_come_in_pairs_and_once,
        a_user_is_online_while_one_connection_is,
        a_disconnected_stream_gets_its_events_and_hub_closing,
        disconnect_reaches_its_target_alone,
        a_stream_has_a_maximum_lifetime,
        lifetimes_are_spread,
    }
    names {
        a_user_and_a_group_of_one_name_are_strangers,
        an_odd_user_id_reaches_that_user_alone,
        an_odd_group_name_reaches_that_group_alone,
        the_empty_name_is_nobody_else,
    }
    observation {
        stats_follow_what_happens,
        publishing_to_users_goes_round,
        health_and_metrics_are_served,
    }
    opening {
        a_stream_opens_with_retry_cursor_and_connection,
        every_stream_has_a_connection_of_its_own,
        the_opening_cursor_resumes_before_the_first_event,
        a_stream_without_an_id_starts_at_the_head,
        the_response_has_the_headers_of_an_event_stream,
        a_stream_opens_on_an_empty_log,
    }
    order {
        many_publishers_are_seen_in_one_rising_order,
        the_sender_and_the_reader_see_the_same_id,
    }
    parked {
        a_parked_connection_is_addressed_joined_and_left,
        a_snapshot_that_was_joined_for_while_away_comes_with_the_resume,
        a_snapshot_that_may_have_been_lost_comes_again,
        a_snapshot_that_was_never_read_comes_with_the_resume,
        the_groups_of_a_session_are_in_its_snapshots,
        a_window_that_is_over_ends_the_session,
        every_loss_has_a_window_of_its_own,
        a_parked_connection_makes_room,
        a_refused_request_drives_nobody_out,
        a_parked_connection_makes_room_for_a_session_that_was_ended,
        a_shutdown_does_not_wait_for_parked_connections,
    }
    privacy {
        an_id_shows_nothing_that_is_not_ones_own,
        a_strangers_id_is_answered_like_any_other_place,
        a_group_that_is_not_asked_for_again_is_not_replayed,
    }
    protocol {
        head_touches_nothing,
        a_post_opens_a_stream_too,
        http10_gets_a_stream_that_ends_with_the_connection,
        http2_carries_a_stream_where_it_is_spoken,
        a_finished_stream_leaves_the_connection_usable,
    }
    refusals {
        accept_is_understood,
        a_garbled_accept_breaks_nothing,
        a_full_hub_refuses_and_recovers,
        a_user_with_too_many_connections_is_refused_alone,
        data_beyond_the_limit_is_refused,
        the_limit_for_data_can_be_set,
        a_senseless_request_is_refused,
        a_name_that_is_too_long_is_refused,
        an_unknown_path_is_not_found,
    }
    replay {
        replay_goes_on_with_exactly_the_next_event,
        replay_after_reconnect_has_no_seam,
        a_client_that_drops_after_every_event_sees_each_once,
        the_last_event_id_may_come_by_query,
        the_header_wins_over_the_query,
        an_empty_id_is_no_id,
        an_id_of_the_log_resumes_whoever_its_event_was_for,
        a_long_replay_is_complete,
    }
    restart {
        an_id_from_before_a_restart_is_a_gap_unless_the_log_outlives_it,
        a_killed_server_finishes_no_response,
    }
    revocation {
        every_stream_of_a_user_ends,
        a_session_ends_with_the_stream_that_is_ended,
        ending_one_connection_ends_no_other_session,
        a_stream_that_does_not_hear_of_its_end_cannot_be_taken_over,
        a_stream_that_has_lived_long_enough_can_still_be_ended,
        a_user_that_was_logged_out_may_come_back,
    }
    sessions {
        id_and_joined_groups_survive_every_loss,
        a_session_survives_over_http2_where_it_is_spoken,
        nobody_sees_a_client_that_is_away_for_a_moment,
        who_names_no_session_has_none,
        the_groups_of_a_request_are_not_inherited,
        a_stranger_with_the_name_gets_nothing,
        two_users_with_one_name_have_two_sessions,
        without_a_window_names_are_ignored,
        a_name_that_is_none_is_refused,
        a_gap_is_told_when_a_session_resumes,
        a_session_outlives_the_lifetime_of_its_streams,
    }
    shutdown {
        sigterm_ends_a_hundred_streams_properly,
        sigint_ends_it_as_well,
        an_idle_server_ends_at_once,
        a_stalled_reader_delays_the_end_and_nobody_is_let_in,
    }
    state {
        a_newer_event_supersedes_an_older_one_with_its_key,
        a_reader_that_keeps_up_sees_every_change_of_a_key,
        a_stalled_reader_gets_the_newest_instead_of_the_backlog,
        a_key_belongs_to_its_topic,
        a_snapshot_is_the_latest_of_each_key,
        an_empty_snapshot_tells_its_cursor,
        a_large_snapshot_is_complete,
        the_latest_of_a_key_outlives_the_history,
        a_snapshot_and_live_have_no_seam,
        a_drop_in_the_middle_of_a_snapshot_gets_a_whole_one,
        a_drop_in_the_middle_of_a_healing_snapshot_gets_a_whole_one,
        a_gap_is_healed_by_a_snapshot,
        a_join_may_bring_a_snapshot,
        a_retracted_key_is_in_no_snapshot,
        a_snapshot_respects_exceptions,
        an_ephemeral_event_is_never_replayed,
        a_client_that_saw_an_ephemeral_event_last_misses_nothing,
    }
    takeover {
        the_new_transport_wins,
        a_loss_that_was_not_noticed_is_taken_over,
        the_late_clean_up_of_the_old_transport_touches_nothing,
        takeovers_lose_and_double_nothing,
        of_many_that_come_at_once_one_stays,
        a_request_that_opens_nothing_takes_nothing_over,
        a_takeover_is_not_refused_at_the_limit_of_its_user,
        a_full_hub_lets_a_session_resume,
    }
    wire {
        every_value_arrives_as_one_event,
        every_event_name_arrives_as_it_is,
        a_key_is_not_on_the_wire,
        large_values_arrive_whole,
    }
}
