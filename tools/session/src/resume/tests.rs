use super::identity::first_difference;
use super::{RecoveredMs, RecoveredSummary};

#[test]
fn the_first_differing_line_of_a_configuration_is_named() {
    let text = "[risk]\ncapital = \"1\"\n[venue]\nseed = 1\n";
    assert_eq!(first_difference(text, text), None);
    for (given, wanted) in [
        ("[risk]\ncapital = \"2\"\n[venue]\nseed = 1\n", "line 2, in [risk]: `capital = \"1\"` is recorded"),
        ("[risk]\ncapital = \"1\"\n[venue]\n", "line 4, in [venue]: `seed = 1` is recorded, nothing given"),
        (
            "[risk]\ncapital = \"1\"\n[venue]\nseed = 1\nx = 2\n",
            "line 5, in [venue]: nothing is recorded, `x = 2`",
        ),
    ] {
        let found = first_difference(text, given).expect("they differ");
        assert!(found.starts_with(wanted), "{found}");
    }
    // Texts that differ in the end of the last line alone.
    assert!(first_difference("a = 1\n", "a = 1").is_some());
}

#[test]
fn the_line_for_people_says_what_was_done() {
    let ms = RecoveredMs { lock: 0.5, scan: 1.0, snapshot: 0.25, replay: 2.0 };
    let mut summary = RecoveredSummary { inputs: 9_000, replayed: 9_000, ms, ..Default::default() };
    assert_eq!(summary.line(), "recovered 9000 events from the start of the journal in 3.8 ms, no torn tail");
    (summary.from_snapshot_seq, summary.torn_bytes, summary.outputs_appended) = (Some(8_192), 96, 2);
    assert_eq!(
        summary.line(),
        "recovered 9000 events from snapshot 8192 in 3.8 ms, torn tail 96 bytes cut, 2 missing outputs appended"
    );
}
