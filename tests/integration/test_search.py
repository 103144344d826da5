"""Searches of a field, on a study whose optimum is known; run as people run them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import optuna
import pytest
from valley_study import best, loss

from ablations import tracking
from ablations.commands import browse, sweeps
from ablations.trial import storage

SEARCH = """
study: valley
seeds: [0]
axes: {gain: [1, 10]}
search: {field: rate, low: 1.0e-4, high: 1, trials: 12, metric: final/loss, pruner: none}
launch: {executor: inline}
"""
PRUNING = SEARCH.replace("gain: [1, 10]", "gain: [1]").replace("pruner: none", "pruner: median")


@pytest.fixture
def valley(lab: Any) -> Any:
    """`valley(text)` writes the sweep and runs it in this process: exit code."""

    def run(text: str = SEARCH, study: str = "valley", file: str = "valley.yaml") -> int:
        (lab.folder / file).write_text(text)
        return sweeps.run(order(lab, study, file))

    return run


def order(lab: Any, study: str = "valley", file: str = "valley.yaml") -> sweeps.Order:
    return sweeps.Order(study, Path(file), None, None, [], {}, lab.runs, lab.uri)


def command(lab: Any, study: str, file: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "ablations.cli", study, "--grid", file],
        cwd=lab.folder,
        env=lab.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def trials(lab: Any) -> dict[str, list[Any]]:
    """Setting -> its trials in the one journal there is."""
    (journal,) = (lab.runs / "searches").glob("*.journal")
    kept = storage(str(journal))
    names = [study.study_name for study in kept.get_all_studies()]
    return {name: optuna.load_study(study_name=name, storage=kept).get_trials() for name in names}


def cells(lab: Any) -> list[tracking.CellRun]:
    """The cells that the newest sweep declares."""
    sweep = tracking.sweeps(lab.uri, "valley")[-1]
    return tracking.cells(lab.uri, [cell["id"] for cell in sweep.declaration["cells"]])


def values(lab: Any) -> dict[str, list[float]]:
    return {name: [trial.params["rate"] for trial in found] for name, found in trials(lab).items()}


def steps(lab: Any) -> dict[str, int]:
    """Cell id -> steps that it has made over all attempts."""
    return {file.parent.name: len(file.read_text().split()) for file in lab.runs.glob("*/steps.txt")}


def test_tpe_finds_the_optimum_of_every_setting(lab: Any, valley: Any, capsys: Any) -> None:
    assert valley(SEARCH.replace("trials: 12", "trials: 20")) == 0
    found = trials(lab)
    assert len(found) == 2
    for name, tried in found.items():
        gain = json.loads(name)["gain"]
        assert [trial.state.name for trial in tried] == ["COMPLETE"] * 20
        assert all(trial.value == loss(gain, trial.params["rate"], 0) for trial in tried)
        winner = min(tried, key=lambda trial: trial.value).params["rate"]
        assert 0.8 < winner / best(gain) < 1.25  # the range has four decades
        assert len({trial.params["rate"] for trial in tried}) == 20
        assert all(float(f"{rate:.3g}") == rate for rate in (trial.params["rate"] for trial in tried))
    (sweep,) = tracking.sweeps(lab.uri, "valley")
    declared = {(cell["axes"]["gain"], cell["axes"]["rate"]) for cell in sweep.declaration["cells"]}
    assert declared == {(json.loads(name)["gain"], r) for name, rates in values(lab).items() for r in rates}
    assert sweep.declaration["search"]["ended"] == 40
    assert {run.status for run in cells(lab)} == {"FINISHED"}
    assert {run.tags["mlflow.parentRunId"] for run in cells(lab)} == {sweep.run_id}


def test_the_second_run_does_nothing_and_more_trials_go_on(lab: Any, valley: Any, capsys: Any) -> None:
    short = SEARCH.replace("trials: 12", "trials: 4")
    valley(short)
    before, ends = values(lab), {run.run_id: run.end for run in cells(lab)}
    journal = next((lab.runs / "searches").glob("*.journal")).read_bytes()
    capsys.readouterr()
    assert valley(short) == 0
    assert "Nothing to do" in capsys.readouterr().out
    assert {run.run_id: run.end for run in cells(lab)} == ends
    assert next((lab.runs / "searches").glob("*.journal")).read_bytes() == journal
    valley(short.replace("trials: 4", "trials: 6"))
    assert all(len(now) == 6 and now[:4] == before[name] for name, now in values(lab).items())
    assert len(tracking.sweeps(lab.uri, "valley")) == 1
    assert max(steps(lab).values()) == 4  # nothing was done twice


def test_the_same_search_makes_the_same_trials_and_reuses_the_cells(lab: Any, valley: Any) -> None:
    text = SEARCH.replace("trials: 12", "trials: 6")
    valley(text)
    before = values(lab)
    next((lab.runs / "searches").glob("*.journal")).unlink()
    assert valley(text) == 0
    assert values(lab) == before
    assert max(steps(lab).values()) == 4


def test_a_grid_tries_its_values_and_no_others(lab: Any, valley: Any) -> None:
    text = SEARCH.replace("low: 1.0e-4, high: 1, trials: 12", "sampler: grid, values: [0.01, 0.1, 1]")
    assert valley(text) == 0
    assert set(map(tuple, values(lab).values())) == {(0.01, 0.1, 1)}
    again = SEARCH.replace("gain: [1, 10]", "gain: [1, 10], rate: [0.01, 0.1, 1]").splitlines()
    assert valley("\n".join(line for line in again if "search" not in line), file="plain.yaml") == 0
    assert max(steps(lab).values()) == 4  # the plain product is the same cells


def test_a_preview_says_how_many_trials_and_writes_nothing(lab: Any, capsys: Any) -> None:
    (lab.folder / "valley.yaml").write_text(SEARCH)
    assert sweeps.plan(order(lab), as_json=False) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert (
        "search of rate: 24 trials in 2 settings; 0 have ended, 12 in this round, 12 in later ones" in shown
    )
    assert "12 in later ones (about 1 s of work)" in shown  # a guess of 0.1 s each
    assert not (lab.runs / "searches").exists()


def test_bad_trials_are_pruned(lab: Any, valley: Any, capsys: Any) -> None:
    assert valley(PRUNING) == 0
    (tried,) = trials(lab).values()
    states = Counter(trial.state.name for trial in tried)
    assert states["PRUNED"] >= 2
    assert states["PRUNED"] + states["COMPLETE"] == 12
    worst = max(trial.value for trial in tried if trial.state.name == "COMPLETE")
    assert min(tried, key=lambda t: loss(1, t.params["rate"], 0)).state.name == "COMPLETE"
    assert worst > 0
    (sweep,) = tracking.sweeps(lab.uri, "valley")
    ended = tracking.cells(lab.uri, sweep.declaration["search"]["pruned"])
    assert len(ended) == states["PRUNED"]
    assert {(run.status, run.tags["ablate.state"]) for run in ended} == {("KILLED", "pruned")}
    assert all("median" in run.tags["ablate.reason"] for run in ended)
    assert all(steps(lab)[run.cell_id] < 4 for run in ended)
    assert {run.status for run in cells(lab)} == {"FINISHED"}
    assert len(cells(lab)) == states["COMPLETE"]
    capsys.readouterr()
    assert valley(PRUNING) == 0
    assert "Nothing to do" in capsys.readouterr().out
    (lab.folder / "valley.yaml").write_text(PRUNING)
    assert browse.status(lab.runs) == 0


def test_a_value_with_which_nothing_can_be_trained_is_a_pruned_trial(lab: Any, valley: Any) -> None:
    assert valley(SEARCH + "set: {cliff: 0.3}\n") == 0
    for tried in trials(lab).values():
        for trial in tried:
            assert (trial.state.name == "PRUNED") == (trial.params["rate"] > 0.3)
    assert any(trial.state.name == "PRUNED" for tried in trials(lab).values() for trial in tried)


def test_a_pruned_cell_is_finished_when_a_plain_sweep_wants_it(lab: Any, valley: Any) -> None:
    valley(PRUNING)
    (tried,) = trials(lab).values()
    rate = next(trial.params["rate"] for trial in tried if trial.state.name == "PRUNED")
    assert valley(f"axes: {{rate: [{rate}]}}\nlaunch: {{executor: inline}}\n", file="plain.yaml") == 0
    (run,) = cells(lab)
    assert (run.status, run.tags["ablate.state"]) == ("FINISHED", "finished")


@pytest.mark.slow
def test_a_search_goes_on_after_a_kill(lab: Any, wait: Any) -> None:
    text = SEARCH.replace("trials: 12", "trials: 5") + "set: {pause: 0.15}\n"
    (lab.folder / "valley.yaml").write_text(text)
    first = command(lab, "valley", "valley.yaml")
    wait(lambda: len(list(lab.runs.glob("*/finished.json"))) >= 3)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    (journal,) = (lab.runs / "searches").glob("*.journal")
    with open(journal, "a") as file:
        file.write('{"op_code":6,"worker_id":"torn')  # a machine that dies tears the last line
    done = {folder.parent.name for folder in lab.runs.glob("*/finished.json")}
    assert sweeps.run(order(lab)) == 0
    assert all([t.state.name for t in tried] == ["COMPLETE"] * 5 for tried in trials(lab).values())
    assert len(cells(lab)) == 10
    assert all(steps(lab)[key] == 4 for key in done)  # none of them was done again
    sequence = values(lab)
    journal.unlink()
    sweeps.run(order(lab))
    assert values(lab) == sequence  # a kill changes no value


@pytest.mark.slow
def test_two_launchers_share_a_journal(lab: Any) -> None:
    text = SEARCH.replace("inline", "local, workers: 1").replace("trials: 12", "trials: 5")
    (lab.folder / "valley.yaml").write_text(text + "set: {pause: 0.05}\n")
    (lab.folder / "other.yaml").write_text("study: lab\naxes: {gain: [1]}\nset: {steps: 4}\n")
    (lab.folder / "suite.yaml").write_text(
        "sweeps: [valley.yaml, other.yaml]\nlaunch: {executor: local, workers: 1}\n"
    )
    both = [command(lab, "valley", "valley.yaml"), command(lab, "all", "suite.yaml")]
    said = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], "\n".join(said)
    found = trials(lab)
    assert len(found) == 2
    assert all([trial.state.name for trial in tried] == ["COMPLETE"] * 5 for tried in found.values())
    assert max(steps(lab).values()) == 4  # no cell was run by both
    assert len(cells(lab)) == len({(k, r) for k, rates in values(lab).items() for r in rates})


@pytest.mark.parametrize(
    "block, complaint",
    [
        ("{field: rate, low: 1, high: 0.1, metric: m}", "search.high: must be larger than low, 1, found 0.1"),
        ("{field: rate, low: 0, high: 0.1, metric: m}", "search.low: must be a number above 0, found 0"),
        ("{field: rate, low: 0.1, high: 1}", "search.metric: must be a name, found None"),
        ("{field: gain, low: 0.1, high: 1, metric: m}", "search.field: gain has a value already"),
        ("{field: rate, low: 0.1, high: 1, metric: m, trails: 3}", "unknown key 'trails'"),
        (
            "{field: rate, low: 0.1, high: 1, metric: m, sampler: cma}",
            "search.sampler: must be one of tpe, grid",
        ),
        (
            "{field: rate, sampler: grid, values: [1, 1], metric: m}",
            "search.values: must be a list of different",
        ),
        ("[1]", "search: expected a mapping"),
    ],
)
def test_a_wrong_block_is_refused_with_its_line(lab: Any, block: str, complaint: str) -> None:
    from ablations.errors import SweepError

    (lab.folder / "valley.yaml").write_text(f"axes: {{gain: [1]}}\nsearch: {block}\n")
    with pytest.raises(SweepError) as refused:
        sweeps.plan(order(lab), as_json=True)
    assert complaint in str(refused.value)
    assert "valley.yaml:2" in str(refused.value)


def test_an_unknown_metric_is_said_with_those_there_are(lab: Any, valley: Any) -> None:
    from ablations.errors import UserError

    with pytest.raises(UserError, match=r"has no 'final/los'; it has: final/loss"):
        valley(SEARCH.replace("metric: final/loss", "metric: final/los"))


def test_another_search_does_not_take_a_pruned_trial_for_a_result(lab: Any, valley: Any) -> None:
    valley(PRUNING)
    bad = {
        trial.params["rate"]
        for tried in trials(lab).values()
        for trial in tried
        if trial.state.name == "PRUNED"
    }
    assert bad
    values = ", ".join(map(str, sorted(bad)))
    grid = f"sampler: grid, values: [{values}], metric: final/loss, pruner: none"
    text = f"axes: {{gain: [1]}}\nsearch: {{field: rate, {grid}}}\nlaunch: {{executor: inline}}\n"
    assert valley(text, file="again.yaml") == 0
    assert {run.status for run in cells(lab)} == {"FINISHED"}
    assert len(cells(lab)) == len(bad)


def test_no_result_is_lost_wherever_the_journal_is_cut(lab: Any, valley: Any) -> None:
    """A machine may die within any write: the journal is cut anywhere, and what was finished still counts."""
    text = SEARCH.replace("trials: 12", "trials: 4").replace("gain: [1, 10]", "gain: [1]")
    valley(text)
    (journal,) = (lab.runs / "searches").glob("*.journal")
    whole, before = journal.read_bytes(), values(lab)
    for cut in range(1, len(whole), len(whole) // 7):
        journal.write_bytes(whole[:cut])
        todo = sweeps.prepare(order(lab))[0]
        assert not todo.tasks
        assert values(lab) == before
        assert [trial.state.name for tried in trials(lab).values() for trial in tried] == ["COMPLETE"] * 4
    assert max(steps(lab).values()) == 4
