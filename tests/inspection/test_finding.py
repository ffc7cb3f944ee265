from tlx.inspection.finding import Finding, shown


def test_a_finding_is_a_line_with_its_way_out() -> None:
    assert Finding("ok", "all well").line() == "  ok    all well"
    assert Finding("bad", "no disk", "another").line() == "  bad   no disk. Try: another"
    assert shown("disk", [Finding("ok", "one"), Finding("ok", "two")]).splitlines() == [
        "disk",
        "  ok    one",
        "  ok    two",
    ]
