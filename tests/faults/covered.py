"""Faults that tests elsewhere make happen: their rows say what those tests assert."""

from __future__ import annotations

import ast

from tests.faults.registry import IN_FLIGHT, Proven
from utils.paths import ROOT

FILES, DAMAGE, DISK, KILL, TOLD = "Data files", "Damage", "Full disk", "kill -9", "SIGINT and SIGTERM"
WORKERS, SEVERAL, LEARNING, WANDB = "Workers", "Several processes", "Learning", "W&B"
LEFT_OUT = "left out by name and rule, with what to do; the rest goes on"
UNTIL = "the days of that file, until it is downloaded again"
VALIDATION = "tests/data/test_validation.py::"
SURVIVAL = "tests/metrics/test_survival.py::"
WANDB_TESTS = "tests/metrics/test_wandb.py::"
AGENT = "tests/agent/test_ppo_agent.py::"

PROVEN = (
    # ---------------------------------------------------------------- data files
    Proven(
        FILES,
        "an empty, foreign, retired or newer file; two files in one",
        "no bytes, text, DBZ, DBN 9, a file behind a file",
        LEFT_OUT,
        (VALIDATION + "test_damaged_files_are_left_out_by_name_and_the_rest_goes_on",),
        UNTIL,
    ),
    Proven(
        FILES,
        "only damaged files",
        "a folder with nothing else",
        "exit 2 with their names and rules; never the sample market instead",
        (
            "tests/end_to_end/test_bad_input.py::test_only_damaged_files",
            "tests/data/test_data_manager.py::test_a_folder_of_damaged_files_is_never_silently_replaced_by_the_sample",
        ),
    ),
    Proven(
        FILES,
        "a wrong schema",
        "a schema that is not used; records of another than the header says",
        LEFT_OUT,
        (
            VALIDATION + "test_unused_schema_is_no_damage_but_told",
            VALIDATION + "test_records_of_another_schema_than_the_header_says",
        ),
        UNTIL,
    ),
    Proven(
        FILES,
        "events twice, or files twice",
        "records repeated; a copy of a file; files that overlap",
        "each event counts once",
        (
            VALIDATION + "test_repeated_records_are_dropped_unless_they_have_no_sequence_number",
            VALIDATION + "test_a_copy_of_a_file_is_left_out",
            "tests/data/test_provider.py::test_overlapping_files_are_read_once",
        ),
    ),
    Proven(
        FILES,
        "events out of order",
        "one late record; all records shuffled",
        "a few: their arrival is that of the record before, counted; more than 1 %: " + LEFT_OUT,
        (
            VALIDATION + "test_late_records_are_set_to_the_time_before_them_and_counted",
            VALIDATION + "test_shuffled_records_are_refused",
        ),
    ),
    Proven(
        FILES,
        "a missing schema, a missing day",
        "daily bars only; a day without events; no status file",
        "the next schema that will do, or exit 2 with what is there and what to request",
        (
            "tests/end_to_end/test_bad_input.py::test_missing_schema",
            "tests/data/test_data_manager.py::test_the_first_schema_of_the_priority_that_is_there_is_read",
            "tests/data/test_provider.py::test_requests_for_what_is_not_there",
            "tests/data/test_data_manager.py::test_status_is_an_array_or_nothing",
        ),
    ),
    Proven(
        FILES,
        "a file that vanishes while it is used",
        "removed between the search and the read",
        "exit 2 with its name; no verdict is kept, as it may come back",
        (
            "tests/data/test_provider.py::test_a_file_that_vanishes_is_told_by_name_and_may_come_back",
            "tests/data/scanner/test_momentum_scanner.py::test_a_file_that_vanishes_ends_the_scan_and_leaves_no_verdict",
        ),
    ),
    # ---------------------------------------------------------------- what the program itself has stored
    Proven(
        DAMAGE,
        "days, features, verdicts and the index in the cache",
        "bytes changed, files cut or missing",
        "noticed by their hashes, said, and made again",
        (
            "tests/simulators/test_market_simulator.py::test_damaged_days_are_made_again",
            "tests/feature/test_extractor.py::test_a_damaged_store_is_built_again",
            "tests/data/scanner/test_momentum_scanner.py::test_a_damaged_verdict_is_made_again",
            "tests/data/scanner/test_index.py::test_load_refuses",
        ),
    ),
    Proven(
        DAMAGE,
        "a checkpoint",
        "a byte missing in the newest one",
        "noticed by its SHA-256 and said; the one before it is used, and ends with the same weights",
        (
            "tests/agent/test_checkpoint_store.py::test_a_damaged_one_is_passed_over_with_a_warning",
            "tests/end_to_end/test_resume.py::test_a_damaged_checkpoint_is_told",
        ),
    ),
    Proven(
        DAMAGE,
        "a registered model",
        "files changed or missing",
        "exit 2 with the file",
        (AGENT + "test_damaged_and_missing_models_are_refused",),
    ),
    Proven(
        DAMAGE,
        "the ledgers of tries and of downloads",
        "half a line, as a power cut leaves it",
        "that line is passed over, and said; the next one is whole",
        (
            "tests/agent/test_trials.py::test_a_line_cut_short_costs_that_try_only",
            "tests/scripts/test_download.py::test_a_server_that_stays_broken_costs_one_piece",
        ),
        IN_FLIGHT,
    ),
    # ---------------------------------------------------------------- disk
    Proven(
        DISK,
        "numbers of a run",
        "every write beyond 200 kB refused for a while",
        "training waits for nothing, says so once, and goes on writing when there is room",
        (SURVIVAL + "test_a_full_disk_stops_nothing_and_is_told_once",),
        "numbers of the rollouts that found no room",
    ),
    Proven(
        DISK,
        "checkpoints",
        "every write beyond a limit refused",
        "the last checkpoint stays whole; training goes on and says so",
        (
            "tests/agent/test_checkpoint_store.py::test_where_the_disk_refuses_the_last_checkpoint_stays",
            "tests/scripts/test_evaluate.py::test_where_no_checkpoint_can_be_written_training_goes_on",
        ),
    ),
    # ---------------------------------------------------------------- kills
    Proven(
        KILL,
        "checkpoints while they are saved",
        "kill -9, a hundred times",
        "every checkpoint that is there can be loaded",
        ("tests/agent/test_checkpoint_store.py::test_a_hundred_kills_during_saves_and_all_can_be_loaded",),
        IN_FLIGHT,
    ),
    Proven(
        KILL,
        "training, followed number by number",
        "kill -9 before a checkpoint, the newest one damaged on top",
        "the run that goes on has the weights, scores, rows and random draws of one that was not stopped",
        (
            "tests/end_to_end/test_resume.py::test_the_same_is_dealt_learnt_and_chosen",
            "tests/end_to_end/test_resume.py::test_the_numbers_go_on_without_a_row_twice",
            "tests/end_to_end/test_resume.py::test_the_store_has_the_same_numbers_and_rows",
        ),
        IN_FLIGHT,
    ),
    Proven(
        KILL,
        "the numbers of a run while they are written",
        "kill -9 at random moments, again and again",
        "the store is whole and goes on; numbers are never given twice",
        (SURVIVAL + "test_a_killed_process_loses_a_second_at_most_again_and_again",),
        "a second of numbers at most",
    ),
    Proven(
        KILL,
        "a search for hyperparameters",
        "four workers, and once the one that looks after them, killed at random",
        "started again, trials taken up at their checkpoints: the trials, values and curves of an untouched search",
        (
            "tests/end_to_end/test_optuna.py::test_a_killed_search_gives_the_trials_that_an_untouched_one_gives",
            "tests/scripts/optimise/test_claims.py::test_workers_killed_at_random_lose_nothing_and_count_nothing_twice",
        ),
        IN_FLIGHT,
    ),
    Proven(
        KILL,
        "writers of one cache",
        "processes that race for the same entries, killed at random; longer by `./fx stress-cache`",
        "every entry is whole, and byte for byte what a process alone makes",
        ("tests/scripts/test_stress_cache.py::test_writers_that_are_killed_leave_whole_entries",),
        IN_FLIGHT,
    ),
    Proven(
        TOLD,
        "the second signal of a training",
        "Ctrl-C twice",
        "the first ends the rollout and saves; the second ends at once",
        (
            AGENT + "test_signal_finishes_the_rollout_and_restores_the_handler",
            AGENT + "test_second_signal_interrupts",
            "tests/end_to_end/test_cli.py::test_ctrl_c_saves_and_registers",
        ),
        IN_FLIGHT,
    ),
    # ---------------------------------------------------------------- processes beside
    Proven(
        WORKERS,
        "the process that scores a checkpoint",
        "it dies, or still runs when the training ends",
        "said, and scored in the training itself; nothing is left running",
        (
            "tests/scripts/test_evaluate.py::test_a_child_gives_the_very_score_and_one_that_dies_is_reported",
            "tests/scripts/test_evaluate.py::test_a_child_that_still_runs_is_ended_with_the_run",
        ),
    ),
    Proven(
        WORKERS,
        "the process that explains",
        "killed, without memory, too slow, or the training breaks off",
        "said; the training goes on; nothing is left running",
        (
            "tests/scripts/test_explaining.py::test_a_check_that_is_killed_is_told",
            "tests/scripts/test_explaining.py::test_a_check_without_memory_fails_and_is_told",
            "tests/scripts/test_explaining.py::test_a_check_that_takes_too_long_is_ended",
            "tests/scripts/test_explaining.py::test_nothing_is_left_running_when_training_breaks_off",
        ),
        "that one explanation",
    ),
    Proven(
        SEVERAL,
        "two processes on one run, or one registry",
        "the same run resumed twice; two models registered at once",
        "the second is refused; two versions",
        (
            "tests/scripts/test_runs.py::test_one_process_at_a_time",
            "tests/agent/test_model_registry.py::test_two_writers_at_once_get_two_versions",
        ),
    ),
    # ---------------------------------------------------------------- learning
    Proven(
        LEARNING,
        "a loss that is not a number",
        "weights become nan after an update, once and again and again",
        "the update is undone; after three in a row back to a checkpoint at a lower rate; after that exit 2",
        (
            AGENT + "test_weights_that_are_not_finite_are_undone",
            AGENT + "test_after_three_undone_updates_it_goes_back_to_a_checkpoint_with_a_lower_rate",
            AGENT + "test_it_goes_back_once_only",
        ),
        "those updates",
    ),
    Proven(
        LEARNING,
        "a reward or portfolio that is not a number",
        "nan from the environment",
        "exit 2 with lane, day and second: it is a fault to be found",
        (AGENT + "test_divergence_and_bad_rewards_are_told",),
    ),
    # ---------------------------------------------------------------- network
    Proven(
        "Port taken",
        "the port of the dashboard",
        "another program listens there",
        "the next free port, said; the other program is left alone",
        ("tests/metrics/dashboard/test_lifecycle.py::test_another_program_keeps_its_port",),
    ),
    Proven(
        WANDB,
        "no key, no connection, or a server that says nothing",
        "refused and black-holed connections",
        "decided within seconds before the run starts: recorded offline, with a warning",
        (
            WANDB_TESTS + "test_online_without_a_key_falls_back_to_offline",
            WANDB_TESTS + "test_online_without_a_connection_falls_back_to_offline",
            WANDB_TESTS + "test_online_with_a_server_that_says_nothing_falls_back_to_offline",
        ),
    ),
    Proven(
        WANDB,
        "its service freezes in the midst of a run",
        "the process is stopped with SIGSTOP",
        "training waits for nothing; the service is left behind at the end",
        (WANDB_TESTS + "test_a_service_that_freezes_keeps_neither_training_nor_the_end_of_the_process",),
        "what W&B did not take; the run's own store has it",
    ),
    Proven(
        "Downloads",
        "a server that fails",
        "errors, cut answers, flipped bytes",
        "asked again where waiting helps; else exit 2 with what to do; every file is read to its last byte "
        "and kept with a checksum",
        (
            "tests/scripts/test_download.py::test_what_waiting_heals_is_tried_again",
            "tests/scripts/test_download.py::test_streams_are_kept_as_one_frame_with_a_checksum",
            "tests/scripts/test_download.py::test_a_server_that_stays_broken_costs_one_piece",
            "tests/scripts/test_download.py::test_a_batch_job_is_paid_once_however_often_it_is_broken_off",
        ),
    ),
    Proven(
        "Clock and time zone",
        "the clocks change in the middle of the data",
        "sessions before and after daylight saving time; winter evenings in the next UTC date",
        "second 0 is 04:00 New York on every date",
        (
            "tests/data/test_calendar.py::test_four_oclock_in_utc_around_the_changes_of_the_clock",
            "tests/data/test_provider.py::test_a_winter_day_spans_two_utc_files_and_two_ids",
        ),
    ),
)


def missing(proven: Proven) -> list[str]:
    """Tests that it names and that pytest would not collect."""
    return [test for test in proven.tests if not collected(test)]


def collected(test: str) -> bool:
    """Whether there is such a function at the top of such a file: what pytest collects."""
    name, _, function = test.partition("::")
    path = ROOT / name
    if not (path.is_file() and path.name.startswith("test_") and function.startswith("test_")):
        return False
    found = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
    return any(node.name == function for node in found)
