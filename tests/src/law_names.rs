//! The names of all laws in `laws.rs`, in one place for every suite that runs them.

/// Hands the names of all laws to a macro, which makes tests of them for its platforms. The first is
/// not for the simulator, which panics where an engine names an id that is not open.
#[macro_export]
macro_rules! with_all_laws {
    ($then:ident) => {
        $then! {
            law_7_unknown_ids_are_closed;
            law_1_unconsumed_bytes_are_lent_again
            law_2_other_connections_leave_the_room_alone
            law_3_an_event_follows_would_block
            law_4_close_is_final
            law_5_short_slices_add_up
            law_6_committed_bytes_are_not_lost
            the_end_of_the_stream_is_sticky
            data_comes_before_the_end
            a_reader_with_a_budget_gets_all
            a_reset_is_reported
            a_stale_event_never_names_a_successor
            interest_none_silences
            fill_honours_at_most
            a_large_write_is_taken_whole
        }
    };
}
