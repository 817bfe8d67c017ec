//! The contract of a backplane, on each kind of it.

ssehub_backplane_tests::backplanes! {
    appends {
        what_is_accepted_is_there_for_whoever_asks_then,
        hundreds_of_appends_at_once_are_all_answered,
        an_append_that_is_dropped_half_way_comes_at_most_once,
        appends_come_from_runtimes_that_come_and_go,
        tails_are_read_on_runtimes_that_come_and_go,
    }
    model {
        a_log_does_as_the_one_in_memory_does,
    }
    order {
        a_tail_brings_what_was_accepted_under_the_ids_that_were_returned,
        whoever_appends_at_once_every_reader_gets_one_order,
        an_id_is_later_than_those_that_were_returned_before,
        an_id_tells_the_time,
        a_tail_that_waits_hears_of_each_entry_when_it_is_accepted,
        a_line_says_whether_other_nodes_can_have_one,
        logs_of_different_names_are_strangers,
        many_small_records_come_whole,
    }
    passing {
        lasting_and_passing_entries_are_in_one_order,
        passing_entries_take_no_room_in_the_history,
        a_log_of_passing_entries_alone_can_be_caught_up_with,
        who_goes_on_is_told_whether_what_passed_may_be_gone,
        what_passed_is_forgotten_by_itself,
    }
    places {
        an_empty_log_has_a_name_and_a_beginning,
        the_beginning_can_be_followed,
        a_tail_goes_on_behind_any_entry,
        a_tail_behind_the_newest_entry_brings_only_what_is_new,
        an_id_of_another_log_is_answered_with_everything,
        an_id_that_is_not_reached_yet_makes_it_another_log,
        a_tail_that_starts_amid_appends_has_no_seam,
        tails_that_are_dropped_leave_nothing_behind,
    }
    records {
        a_record_may_be_empty,
        a_record_may_have_any_bytes,
        a_record_may_have_megabytes,
        a_passing_record_may_have_megabytes,
    }
    restarts {
        a_log_is_the_same_after_a_restart,
        an_empty_log_is_the_same_after_a_restart,
        an_id_from_before_a_restart_can_be_followed,
        ids_grow_over_restarts,
        what_was_accepted_is_there_after_each_of_many_restarts,
    }
    retention {
        the_newest_entries_are_kept_by_number,
        without_history_some_entries_are_kept_all_the_same,
        the_newest_entries_are_kept_by_bytes,
        the_newest_entry_is_kept_however_big_it_is,
        entries_are_forgotten_by_age,
        who_missed_something_is_told_and_nobody_else,
        a_tail_that_was_outrun_is_told_where_the_gap_is,
    }
    state {
        the_newest_of_a_key_outlives_retention,
        state_and_entries_never_overlap,
        only_who_missed_something_gets_the_state,
        a_record_is_kept_for_the_keys_it_is_the_newest_of,
        a_key_that_is_removed_is_gone,
        of_one_record_the_last_change_of_a_key_counts,
        a_key_may_be_any_bytes,
        a_record_may_change_ten_thousand_keys,
        a_state_may_have_thousands_of_records,
        a_record_of_a_megabyte_may_be_kept_as_state,
        a_tail_that_starts_amid_appends_has_each_key,
    }
}
