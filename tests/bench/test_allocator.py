from scripts.bench.allocator import table


def run(case: str, memory: str, repetition: int, seconds: float, peak: float) -> dict[str, object]:
    return {"case": case, "memory": memory, "repetition": repetition, "seconds": seconds, "peak": peak}


def test_pairs_are_divided_and_a_half_pair_is_left_out() -> None:
    runs = [
        run("forward", "system", 0, 10.0, 100),
        run("forward", "kept", 0, 8.0, 110),
        run("train", "system", 0, 10.0, 100),
    ]
    assert table(runs).splitlines()[2:] == ["| forward | 1 | 0.80 | 1.10 |"]
