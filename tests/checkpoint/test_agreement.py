import multiprocessing
from pathlib import Path
from typing import Any

from tests.faults.processes import PRELOAD, _free_port, _join
from tlx.checkpoint.agreement import Agreement


def test_a_process_alone_knows_at_once() -> None:
    alone = Agreement()
    alone.begin()
    assert alone.exchange(15, 1) == (15, 1)
    assert (alone.settle(), alone.gather("word")) == ((0, 0), ["word"])
    alone.end()


def exchange(rank: int, port: int, folder: Path) -> None:
    import torch.distributed

    _join(rank, 2, port)
    torch.distributed.init_process_group("gloo")
    ours = Agreement(2, timeout=60.0)
    for _ in range(2):  # as in two phases
        ours.begin()
        heard: list[Any] = [ours.exchange(15 * rank, 0), ours.exchange(0, 1 - rank), ours.exchange(0, 0)]
        heard += [ours.settle(), ours.settle(), ours.gather(f"rank {rank}")]
        ours.exchange(0, 0)
        ours.end()
        (folder / str(rank)).write_text(repr(heard))


def test_ranks_hear_the_greatest_of_what_each_said_one_exchange_later(tmp_path: Path) -> None:
    context, port = multiprocessing.get_context("forkserver"), _free_port()
    context.set_forkserver_preload(PRELOAD)
    ranks = [context.Process(target=exchange, args=(rank, port, tmp_path)) for rank in range(2)]
    for process in ranks:
        process.start()
    for process in ranks:
        process.join(120)
    expected = repr([(0, 0), (15, 0), (0, 1), (0, 0), (0, 0), ["rank 0", "rank 1"]])
    assert [(tmp_path / str(rank)).read_text() for rank in range(2)] == [expected, expected]
