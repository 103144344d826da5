"""`ablate` as people run it: in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ablations.commands import reporting
from ablations.errors import UserError

GRID = "axes: {model.width: [8, 16]}\nseeds: 0-1\nlaunch: {executor: inline}\n"
ABLATE = [sys.executable, "-m", "ablations.cli"]
COMMANDS = (
    "encoder-resolution",
    "toy",
    "all",
    "why",
    "next",
    "export-runs",
    "import-runs",
    "list",
    "plan",
    "status",
    "report",
    "ui",
    "logs",
    "data",
    "doctor",
)
Ablate = Callable[..., subprocess.CompletedProcess]


@pytest.fixture
def environment(toy_path: Path) -> dict[str, str]:
    ours = ("ABLATE_RUNS", "MLFLOW_TRACKING_URI", "FORCE_COLOR", "COLUMNS")
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return kept | {"PYTHONPATH": str(toy_path), "OMP_NUM_THREADS": "1"}


@pytest.fixture
def ablate(tmp_path: Path, environment: dict[str, str]) -> Ablate:
    """`ablate("toy", "--grid", ...)` in an empty folder that holds toy.yaml."""
    (tmp_path / "toy.yaml").write_text(GRID)

    def run(*arguments: str, **extra: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [*ABLATE, *arguments],
            cwd=tmp_path,
            env=environment | extra,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


def left(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str, ablate: Ablate) -> None:
    result = ablate(command, "--help")
    assert result.returncode == 0
    assert "Example: ablate" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_help_is_quick_and_imports_nothing_heavy(ablate: Ablate, environment: dict[str, str]) -> None:
    heavy = (
        "torch",
        "mlflow",
        "pandas",
        "pydantic",
        "transformers",
        "lightning",
        "datasets",
        "submitit",
        "scipy",
    )
    code = f"import sys, ablations.cli; print([name for name in {heavy!r} if name in sys.modules])"
    loaded = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert loaded.stdout.strip() == "[]"
    assert min(_seconds(ablate, "--help") for _ in range(5)) < 0.5


def _seconds(ablate: Ablate, *arguments: str) -> float:
    start = time.perf_counter()
    assert ablate(*arguments).returncode == 0
    return time.perf_counter() - start


def test_a_misspelt_study_is_answered_with_the_known_ones(ablate: Ablate, tmp_path: Path) -> None:
    for arguments in (
        ("encoder-resolutoin", "--grid", "toy.yaml"),
        ("plan", "encoder-resolutoin", "--grid", "toy.yaml"),
    ):
        result = ablate(*arguments)
        assert result.returncode == 2
        assert "Did you mean 'encoder-resolution'?" in result.stderr
        assert "toy" in result.stderr
        assert "Traceback" not in result.stderr
    assert left(tmp_path) == ["toy.yaml"]


BAD: dict[str, tuple[str | None, list[str], list[str]]] = {
    "missing file": (None, ["--grid", "tay.yaml"], ["tay.yaml", "toy.yaml"]),
    "folder": (None, ["--grid", "."], ["directory"]),
    "syntax": ("axes: [", [], ["toy.yaml:1", "YAML"]),
    "unknown field": ("axes:\n  model.widht: [8]\n", [], ["toy.yaml:2", "model.widht", "'model.width'"]),
    "bad value": (
        "axes:\n  model.type: [plan]\n",
        [],
        ["toy.yaml:2", "'plan'", "gated, plain, wide", "'plain'"],
    ),
    "empty grid": ("axes: {}\n", [], ["toy.yaml:1", "empty"]),
    "twice": (
        "axes: {model.width: [8]}\nset: {model.width: 8}\n",
        [],
        ["toy.yaml:2", "model.width", "line 1"],
    ),
    "option": (None, ["--set", "training.rate=-1"], ["--set training.rate=-1", "between 0 and 10"]),
    "executor": (None, ["--executor", "slrm"], ["slrm", "'slurm'"]),
    "runs folder": (None, ["--runs", "toy.yaml/runs"], ["runs folder", "toy.yaml/runs"]),
    "tracking server": (None, ["--tracking-uri", "http://127.0.0.1:9"], ["http://127.0.0.1:9", "reached"]),
    "tracking store": (None, ["--tracking-uri", "sqlite:///toy.yaml"], ["toy.yaml", "not a database"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_screen_exit_code_2_and_leaves_nothing(
    case: str, ablate: Ablate, tmp_path: Path
) -> None:
    text, options, parts = BAD[case]
    if text is not None:
        (tmp_path / "toy.yaml").write_text(text)
    grid = [] if "--grid" in options else ["--grid", "toy.yaml"]
    result = ablate("toy", *grid, *options)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert len(result.stderr.splitlines()) < 24
    assert "Traceback" not in result.stderr
    for part in parts:
        assert part in result.stderr
    assert left(tmp_path) == ["toy.yaml"]


def test_a_dry_run_prints_the_plan_and_leaves_nothing(ablate: Ablate, tmp_path: Path) -> None:
    result = ablate("toy", "--grid", "toy.yaml", "--dry-run", "--seeds", "0-4")
    assert result.returncode == 0, result.stderr
    assert "10 cells: 0 reused, 10 to run; 2 stages to run first" in result.stdout
    assert "width=16 seed=4" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "\x1b[" not in result.stdout
    assert left(tmp_path) == ["toy.yaml"]
    assert "\x1b[" in ablate("toy", "--grid", "toy.yaml", "--dry-run", FORCE_COLOR="1").stdout


def test_a_suite_is_planned_and_its_errors_are_placed(ablate: Ablate, tmp_path: Path) -> None:
    (tmp_path / "deep.yaml").write_text("study: toy-deep\naxes: {model.depth: [2, 3]}\n")
    (tmp_path / "toy.yaml").write_text(f"study: toy\n{GRID}")
    (tmp_path / "suite.yaml").write_text("seeds: 0-1\nsweeps:\n  - toy.yaml\n  - deep.yaml\n")
    before = left(tmp_path)
    result = ablate("all", "--grid", "suite.yaml", "--dry-run")
    assert result.returncode == 0, result.stderr
    assert "6 cells: 0 reused, 6 to run; 2 stages to run first" in result.stdout
    assert "sharing spares 2 cells, 2 stages, 46 s of work" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    facts = json.loads(ablate("plan", "all", "--grid", "suite.yaml", "--json").stdout)
    assert [cell["studies"] for cell in facts["cells"]].count(["toy", "toy-deep"]) == 2
    assert facts["spared_by_sharing"]["cells"] == 2
    (tmp_path / "deep.yaml").write_text("study: toy-deep\naxes:\n  model.depht: [2]\n")
    bad = ablate("all", "--grid", "suite.yaml")
    assert (bad.returncode, bad.stdout) == (2, "")
    assert "deep.yaml:3: model.depht" in bad.stderr
    assert left(tmp_path) == before


def test_a_plan_for_machines(ablate: Ablate) -> None:
    facts = json.loads(ablate("plan", "toy", "--grid", "toy.yaml", "--json", "--workers", "2").stdout)
    assert facts["cells"][0]["name"] == "width=8 seed=0"
    assert [task["kind"] for task in facts["tasks"]].count("stage") == 2
    assert facts["wall"] == facts["seconds"]  # inline: one worker, whatever was asked for


def test_list_names_studies_axes_and_claims(ablate: Ablate) -> None:
    text = ablate("list").stdout
    assert "Does width matter?" in text
    assert "model.width" in text
    assert "wider is better" in text
    assert "encoder-resolution" in text


def test_completion_of_study_names(ablate: Ablate) -> None:
    def complete(words: str) -> str:
        position = str(len(words.split()) - (not words.endswith(" ")))
        return ablate(_ABLATE_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=position).stdout

    assert complete("ablate encoder-r").split() == ["encoder-resolution"]
    assert complete("ablate plan toy").split() == ["toy", "toy-deep"]
    assert complete("ablate toy --executor s").split() == ["slurm"]
    # else it is the shell that the tests run in, if there is any
    told = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    assert "complete_bash" in ablate("--show-completion", "bash", **told).stdout


def test_doctor_passes_here_and_fails_where_something_is_wrong(ablate: Ablate, tmp_path: Path) -> None:
    fine = ablate("doctor")
    assert fine.returncode == 0, fine.stdout
    assert "torch" in fine.stdout
    bad = ablate("doctor", "--runs", "toy.yaml/runs", "--tracking-uri", "http://127.0.0.1:9")
    assert bad.returncode == 1
    assert bad.stdout.count("fail") == 2
    assert "--tracking-uri" in bad.stdout
    assert left(tmp_path) == ["toy.yaml"]


def test_report_without_a_store_says_so(ablate: Ablate, tmp_path: Path) -> None:
    result = ablate("report", "toy")
    assert result.returncode == 2
    assert "run a study first" in result.stderr
    assert left(tmp_path) == ["toy.yaml"]


def test_reports_are_found_by_name_or_missed_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {name for name in vars(reporting.Reports) if name[0] != "_"} <= {*reporting.installed().__all__}
    monkeypatch.setattr(reporting, "entry_points", lambda **_: ())
    with pytest.raises(UserError, match="pip install -e"):
        reporting.installed()


def test_logs_prints_the_end_of_the_one_that_is_meant(ablate: Ablate, tmp_path: Path) -> None:
    for name in ("runs/ab12", "runs/stages/ab34"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "cell.log").write_text("".join(f"{name} {i}\n" for i in range(9)))
    assert ablate("logs", "ab1", "-n", "2").stdout == "runs/ab12 7\nruns/ab12 8\n"
    unclear = ablate("logs", "ab")
    assert unclear.returncode == 2
    assert "ab12, ab34" in unclear.stderr
    odd = ablate("logs", "/x")
    assert odd.returncode == 2 and "'/x' is no id" in odd.stderr


@pytest.mark.slow
def test_a_sweep_from_start_to_report(ablate: Ablate, tmp_path: Path) -> None:
    first = ablate("toy", "--grid", "toy.yaml")
    assert first.returncode == 0, first.stderr
    assert "wider is better" in first.stdout
    again = ablate("toy", "--grid", "toy.yaml")
    assert again.returncode == 0, again.stderr
    assert "Nothing to do: all 4 cells are finished." in again.stdout
    assert "wider is better" in again.stdout
    more = ablate("toy", "--grid", "toy.yaml", "--seeds", "0-2", "--dry-run")
    assert "6 cells: 4 reused, 2 to run; 0 stages to run first" in more.stdout
    facts = json.loads(ablate("report", "toy", "--json").stdout)
    assert facts["studies"][0]["claims"][0]["claim"] == "wider"
    assert ablate("report", "--out", "page").returncode == 0
    assert (tmp_path / "page" / "index.html").exists()
    assert "finished" in ablate("status").stdout
    cell = next(path.parent.name for path in (tmp_path / "runs").glob("*/cell.log"))
    assert ablate("logs", cell).returncode == 0


def _hears_ctrl_c() -> None:
    """As in a terminal; a shell starts what it sends to the background with SIGINT ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_is_exit_code_130(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(
        "import time\nfrom toy_study import STUDY\nimport dataclasses\n"
        "def system():\n    print('ready', flush=True)\n    time.sleep(60)\n"
        "SLOW = dataclasses.replace(STUDY, system=system)\n"
    )
    (tmp_path / "slow-0.1.dist-info").mkdir()
    (tmp_path / "slow-0.1.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: slow\nVersion: 0.1\n"
    )
    (tmp_path / "slow-0.1.dist-info" / "entry_points.txt").write_text("[ablate.studies]\nslow = slow:SLOW\n")
    (tmp_path / "toy.yaml").write_text(GRID)
    path = f"{environment['PYTHONPATH']}{os.pathsep}{tmp_path}"
    process: Any = subprocess.Popen(
        [*ABLATE, "slow", "--grid", "toy.yaml"],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_hears_ctrl_c,
    )
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in errors
