from pathlib import Path

from tlx.verbs.dead_ranks import dead_ranks, told_since

AT_ONCE = (
    "E1126 02:31:52.1 4 api.py:1003] failed (exitcode: {code}) local_rank: {rank} (pid: 9) of binary: /p"
)
IN_THE_END = """\
Root Cause (first observed failure):
[0]:
  time      : 2026-11-26_02:31:52
  host      : here
  rank      : {rank} (local_rank: {rank})
  exitcode  : {code} (pid: 9)
  error_file: <N/A>
"""


def test_a_rank_without_a_note_is_named_with_what_ended_it() -> None:
    notes = [{"rank": 0, "code": 9}]
    for form in (AT_ONCE, IN_THE_END):
        assert dead_ranks(2, notes, form.format(rank=1, code=-9)) == "rank 1 was killed by SIGKILL"
        assert dead_ranks(2, notes, form.format(rank=1, code=3)) == "rank 1 left with exit code 3"
        assert dead_ranks(2, notes, form.format(rank=1, code=-99)) == "rank 1 was killed by signal 99"
        assert dead_ranks(2, notes, form.format(rank=0, code=1)) == ""
    assert dead_ranks(2, notes, "nothing of use") == ""


def test_what_an_earlier_start_was_told_does_not_count(tmp_path: Path) -> None:
    log = tmp_path / "ranks.log"
    log.write_bytes(b"before\nsince\n")
    assert told_since(log, 7) == "since\n"
