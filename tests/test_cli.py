import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import FEW, SMOKE, Server
from tlx.cli import HYDRA_VERBS, VERBS, main
from tlx.composition.groups import choices, groups

COMMAND = Path(sys.executable).with_name("tlx")
HEAVY = ("torch", "lightning", "hydra", "omegaconf", "numpy", "rich")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def said(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    code = main(argv)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_help_names_every_verb_and_imports_nothing_heavy() -> None:
    program = (
        "import resource, sys\nfrom tlx.cli import main\ncode = main(['--help'])\n"
        f"heavy = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "print(code, heavy, resource.getrusage(resource.RUSAGE_SELF).ru_utime, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert all(f"  {verb} " in done.stdout for verb in VERBS)
    code, heavy, seconds = re.fullmatch(r"(\d+) (\[.*\]) ([\d.]+)\n", done.stderr).groups()  # type: ignore[union-attr]
    assert (code, heavy) == ("0", "[]")
    assert float(seconds) < 0.5  # 0.05 s where nothing else runs


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in HYDRA_VERBS])
def test_every_verb_has_a_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, verb, "--help")
    assert code == 0
    assert out.startswith(f"tlx {verb} ")


@pytest.mark.parametrize("verb", HYDRA_VERBS)
def test_the_help_of_hydra_verbs_shows_groups_and_keys(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, verb, "--help")
    assert code == 0
    assert out.startswith(f"tlx {verb}:")
    assert ("strategy: auto, discriminative, " in out) == (verb not in ("advise", "distance", "probe"))
    assert ("seed: 0" if verb in ("distance", "probe") else "label_smoothing: 0.0") in out
    assert "--multirun" in out
    listed = out.partition("Groups (")[2].partition("Keys (")[0]
    named = {line.partition(":")[0] for line in listed.splitlines()[1:] if line}
    refused = {group for group in groups() if group not in named}
    assert "model" in named and bool(refused) == (verb != "sequence")
    for group in sorted(refused):
        code, _, err = said(capsys, verb, f"{group}={choices(group)[0]}", "--cfg", "job")
        assert code == 2 and group in err, (group, err)


@pytest.mark.parametrize(
    ("argv", "code", "line"),
    [
        ("fitt", 2, "no verb 'fitt'. Known: advise, distance, .* Try: tlx fit"),
        ("strategy=full", 2, "the verb is missing. Try: tlx fit strategy=full"),
        ("fit strategy=fulll", 2, "no strategy 'fulll'. Known: .* Try: strategy=full"),
        ("fit stratgy=full", 2, "no key 'stratgy'. Try: strategy=full"),
        ("fit data=foldr", 2, "no data 'foldr'. Known: .* Try: data=folder"),
        (
            "fit model.wieghts=x",
            2,
            "no key 'model.wieghts'; model has weights, original_classes, head. Try: model.weights=x",
        ),
        ("fit model.head.dropot=.1", 2, "no key 'model.head.dropot'.* Try: model.head.dropout=.1"),
        ("fit strategy.batch_size=3", 2, "no key 'strategy.batch_size'.* Try: data.batch_size=3"),
        ("fit digits", 2, "'digits' is not written as key=value. Try: data=digits"),
        ("fit seed=1,2", 2, "several values for one run. Try: tlx fit -m seed=1,2"),
        ("fit +seed=3", 2, r"\+seed adds a key that exists. Try: seed="),
        ("fit ~seeed", 2, "no key 'seeed'. Try: seed"),
        ("fit strategy=[full,partial]", 2, "strategy takes one choice, not a list. Try: tlx fit -m strategy"),
        ("fit data.root=/a=b data=folder", 2, "cannot be read: .* needs quotes"),
        ("fit data=folder", 2, "data.root is not given.* Try: data.root="),
        ("fit --frobnicate", 2, "unrecognized arguments: --frobnicate"),
        ("fit --config-dir nowhere", 2, "nowhere' not found"),
        ("fit --resolve", 2, "--resolve"),
        ("fit --experimental-rerun x", 7, "unpickles a file.* Try: tlx resume RUN"),
        ("fit sweep_dir=x", 2, "sweep_dir .* Try: run_dir=PATH"),
        ("fit run_dir=../x", 2, r"the folder '../x' is not usable"),
        ("fit -m run_dir=x seed=0,1", 2, "run_dir names one run.* Try: sweep_dir=PATH"),
        ("fit -m strategy=full,fulll", 2, "no strategy 'fulll'"),
        ("plan -m seed=0,1", 2, "one plan at a time"),
        ("doctor -m seed=0,1", 2, "one job at a time"),
        ("list model=tny", 2, "no model 'tny'. Known: .* Try: tiny"),
        ("fit logger=tensorbord", 2, "no logger 'tensorbord'. Known: .* Try: logger=tensorboard"),
        ("fit trainer.num_nodes=2", 2, "each has to start its own share. Try: .*torchrun --nnodes=2"),
        ("resume nowhere", 4, "no run at nowhere"),
        ("report nowhere", 4, "is no run, sequence, answer or sweep"),
        ("test", 2, "tlx test needs a path"),
        ("test a b", 2, "takes one path"),
        ("predict nowhere x.png", 4, "no run at nowhere"),
        ("resume . seed=1", 4, ". is no run"),
        ("list foo", 2, "no group 'foo'"),
        ("test . --fast", 2, "has no flag --fast. Try: options are keys"),
    ],
)
def test_what_cannot_work_is_one_line_with_a_way_out(
    argv: str, code: int, line: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    found, _, err = said(capsys, *argv.split())
    assert found == code, err
    assert err.count("\n") == 1
    assert re.match(rf"tlx: error\[\w+\]: .*{line}", err), err
    assert list(tmp_path.iterdir()) == []


def test_a_typed_override_is_checked_against_its_annotation(command: Server, tmp_path: Path) -> None:
    result = command.run(tmp_path, "plan", "model.weights=null", "data.batch_size=many")
    assert result.code == 2
    assert "data.batch_size='many' is not usable. Expected a whole number" in result.err


def test_an_internal_error_is_one_line_and_its_traceback_lies_where_it_says(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(VERBS, "list", ("tlx.errors:no_such_function", ""))
    code, _, err = said(capsys, "list")
    assert code == 70
    log = Path(re.search(r"the traceback in (\S+)\n$", err).group(1))  # type: ignore[union-attr]
    assert "Traceback" in log.read_text()
    assert "Traceback" not in err
    log.unlink()
    monkeypatch.setenv("TLX_DEBUG", "1")
    assert "Traceback" in said(capsys, "list")[2]


def test_a_plan_is_printed_and_nothing_is_written(command: Server, tmp_path: Path) -> None:
    result = command.run(tmp_path, "plan", "model.weights=null")
    assert result.code == 0, result.err
    assert "5 phases" in result.out
    assert list(tmp_path.iterdir()) == []


def test_the_flags_of_hydra_work(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = said(capsys, "fit", "--cfg", "job", "strategy=partial")
    assert code == 0
    assert "_target_: tlx.strategies.partial.partial" in out
    (tmp_path / "own" / "strategy").mkdir(parents=True)
    (tmp_path / "own" / "strategy" / "mine.yaml").write_text("# mine\n_target_: mine.plan\n")
    code, out, _ = said(capsys, "fit", "--cfg", "job", "--config-dir", "own", "strategy=mine")
    assert code == 0
    assert "_target_: mine.plan" in out
    assert said(capsys, "fit", "--info", "defaults")[0] == 0


def test_a_class_of_ones_own_needs_trust(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own" / "strategy").mkdir(parents=True)
    (tmp_path / "own" / "strategy" / "mine.yaml").write_text("# mine\n_target_: mine.plan\nepochs: 1\n")
    (tmp_path / "mine.py").write_text(
        "from tlx.plan import Phase, Plan\n\n\ndef plan(stages, epochs: int):\n"
        "    return Plan(tuple(stages), (Phase('mine', {'head': 0.5}, epochs),))\n"
    )
    argv = ("plan", "--config-dir", "own", "strategy=mine", "model.weights=null")
    code, _, err = said(capsys, *argv)
    assert (code, "Try: trust=[mine]" in err, "mine" in sys.modules) == (7, True, False)
    code, out, err = said(capsys, *argv, "trust=[mine]")
    assert (code, "0.5" in out) == (0, True), err


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("tlx re", "report resume"),
        ("tlx fit strategy=fu", "strategy=full"),
        ("tlx plan trainer=sm", "trainer=smoke"),
        ("tlx doctor logger=", "logger=none logger=tensorboard"),
        ("tlx fit strategy=full strategy.head_", "strategy.head_rate="),
    ],
)
def test_the_shell_completes_verbs_and_overrides(
    line: str, offered: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMP_LINE", line)
    code, out, _ = said(capsys, "-sc", "query=bash")
    assert (code, sorted(out.split())) == (0, offered.split())


@pytest.mark.skipif(not (COMMAND.exists() and shutil.which("bash")), reason="needs bash and an installed tlx")
def test_a_real_bash_completes_verbs_groups_choices_and_keys(tmp_path: Path) -> None:
    lines = [
        "tlx rep",
        "tlx fit strat",
        "tlx fit strategy=par",
        "tlx fit strategy=full strategy.back",
        "tlx list model=resnet1",
    ]
    script = tmp_path / "script"
    script.write_text(
        'eval "$(tlx -sc install=bash)"\n'
        "while read -r COMP_LINE; do\n"
        "  COMP_WORDS=($COMP_LINE); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMP_POINT=${#COMP_LINE}\n"
        '  hydra_bash_completion; echo "${COMPREPLY[@]}"\n'
        "done\n"
        "complete -p tlx\n"
    )
    environment = os.environ | {"PATH": f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", str(script)],
        input="".join(f"{line}\n" for line in lines),
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )
    verb, group, choice, key, listed, how = done.stdout.splitlines()
    assert (verb, choice, key) == ("report", "strategy=partial", "strategy.backbone_rate=")
    assert listed == "model=resnet18"
    assert "strategy=" in group.split()
    assert "-F hydra_bash_completion tlx" in how


def test_fish_is_completed_too(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, "-sc", "install=fish")
    assert (code, "complete -c" in out, "-sc query=fish" in out) == (0, True, True)


def test_two_commands_in_a_row_share_nothing(command: Server, tmp_path: Path) -> None:
    for seed in (0, 1):
        assert command.run(tmp_path, "fit", *SMOKE, *FEW, f"seed={seed}").code == 0
    names = sorted(path.name for path in (tmp_path / "runs").iterdir())
    assert [name.rpartition("-")[0] for name in names] == ["tiny-digits-full-seed0", "tiny-digits-full-seed1"]
