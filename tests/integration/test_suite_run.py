"""A suite run for real: every study reads its cells, whichever sweep has their runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ablations import tracking
from ablations.commands import results, sweeps
from ablations.study import Study
from reports import frame

GAIN = "study: lab\naxes: {gain: [1, 2]}\n"
STEPS = "study: lab-steps\naxes: {steps: [6, 8]}\nset: {gain: 1}\n"
SUITE = "suite: trial\nseeds: 0-1\nsweeps: [gain.yaml, steps.yaml]\nlaunch: {executor: inline}\n"


def suite(lab: Any) -> sweeps.Order:
    for name, text in {"gain": GAIN, "steps": STEPS, "suite": SUITE}.items():
        (lab.folder / f"{name}.yaml").write_text(text)
    return sweeps.Order("all", lab.folder / "suite.yaml", None, None, [], {}, lab.runs, lab.uri)


def test_shared_cells_run_once_and_every_study_is_reported(lab: Any, capsys: Any) -> None:
    assert sweeps.run(suite(lab)) == 0
    shown = capsys.readouterr().out
    assert "6 cells: 0 reused, 6 to run" in shown
    assert "sharing spares 2 cells" in shown
    assert shown.index("Does gain matter?") < shown.index("Do steps matter?")
    gain, steps = tracking.sweeps(lab.uri)
    assert [sweep.experiment for sweep in (gain, steps)] == ["trial/lab", "trial/lab-steps"]
    shared = {c["id"] for c in gain.declaration["cells"]} & {c["id"] for c in steps.declaration["cells"]}
    runs = {run.cell_id: run for run in tracking.cells(lab.uri, sorted(shared))}
    assert {run.tags["mlflow.parentRunId"] for run in runs.values()} == {gain.run_id}
    found = frame.read("lab-steps", lab.uri)
    assert (found.finished, found.declared) == (4, 4)
    assert sorted(found.cells["steps"]) == [6, 6, 8, 8]
    assert shared < set(found.cells["cell_id"])


def test_the_note_of_a_sweep_leads_to_its_cells_in_other_experiments(lab: Any, monkeypatch: Any) -> None:
    order, store = suite(lab), tracking.store.client(lab.uri)
    assert sweeps.run(order) == 0
    gain, steps = (store.get_run(sweep.run_id) for sweep in tracking.sweeps(lab.uri))
    about = gain.data.tags["mlflow.note.content"]
    assert about.startswith("Does gain matter?") and "runs/" not in about
    note = steps.data.tags["mlflow.note.content"]
    assert note.startswith("Do steps matter?") and "\ntrial/lab\n" in note
    shared = [run for run in _runs(lab) if run.name.startswith("gain=1 ")]
    assert note.count("/runs/") == 2
    for run in shared:
        place = f"#/experiments/{gain.info.experiment_id}/runs/{run.run_id}"
        assert f"- [steps=6 seed={run.tags['seed']}]({place})\n" in note
    store.set_tag(steps.info.run_id, "mlflow.note.content", note.replace("Do steps matter?", "By hand."))
    monkeypatch.setattr(tracking.links, "_LENGTH", 420)
    tracking.end_sweeps(lab.uri, {steps.info.run_id: "FINISHED"})
    note = store.get_run(steps.info.run_id).data.tags["mlflow.note.content"]
    assert note.startswith("By hand.") and note.endswith("and 1 more") and note.count("/runs/") == 1


def test_a_study_whose_cells_all_ran_elsewhere_is_read_too(lab: Any) -> None:
    order = suite(lab)
    wide = STEPS.replace("set: {gain: 1}\n", "").replace("axes: {", "axes: {gain: [1, 2], ")
    (lab.folder / "gain.yaml").write_text(wide.replace("lab-steps", "lab"))
    assert sweeps.run(order) == 0
    owned = [run for run in _runs(lab) if run.tags["study"] == "lab-steps"]
    assert owned == []
    found = frame.read("lab-steps", lab.uri)
    assert (found.finished, found.declared) == (4, 4)
    assert found.verdicts[0].n_seeds == 2


def test_what_to_run_next_is_told_as_a_command_for_the_same_store(
    lab: Any, capsys: Any, monkeypatch: Any
) -> None:
    order = suite(lab)
    assert sweeps.run(order) == 0
    store, shown = lab.uri, []
    for usual in (store, "sqlite:///elsewhere.db"):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", usual)
        capsys.readouterr()
        results.next_seeds("1h", lab.folder / "suite.yaml", lab.runs, store, None)
        shown.append(capsys.readouterr().out)
    assert f"ablate lab-steps --grid {lab.folder / 'steps.yaml'} --seeds 2-" in shown[0]
    assert f" --runs {lab.runs}\n" in shown[0]
    assert f" --runs {lab.runs} --tracking-uri {store}\n" in shown[1]


def test_a_second_launch_writes_down_only_what_is_new(lab: Any) -> None:
    order = suite(lab)
    sweeps.run(order)
    before = [sweep.run_id for sweep in tracking.sweeps(lab.uri)]
    assert sweeps.run(order) == 0
    assert [sweep.run_id for sweep in tracking.sweeps(lab.uri)] == before
    (lab.folder / "more.yaml").write_text("study: lab\nseeds: [1]\naxes: {gain: [1, 2]}\n")
    (lab.folder / "suite.yaml").write_text(SUITE.replace("gain.yaml", "gain.yaml, more.yaml"))
    assert sweeps.run(order) == 0
    assert [sweep.name.split()[0] for sweep in tracking.sweeps(lab.uri)] == ["gain", "steps", "more"]
    store = tracking.store.client(lab.uri)
    assert {store.get_run(s.run_id).info.status for s in tracking.sweeps(lab.uri)} == {"FINISHED"}


def test_a_study_that_says_otherwise_now_is_written_down_anew(lab: Any, monkeypatch: Any) -> None:
    order = suite(lab)
    sweeps.run(order)
    runs = [sweep.run_id for sweep in tracking.sweeps(lab.uri)]
    declaration = Study.declaration
    monkeypatch.setattr(Study, "declaration", lambda study: declaration(study) | {"lesson": "another"})
    assert sweeps.run(order) == 0
    found = tracking.sweeps(lab.uri)
    assert [sweep.run_id for sweep in found] == runs
    assert {sweep.declaration["study"]["lesson"] for sweep in found} == {"another"}


def test_a_failed_cell_fails_the_studies_that_need_it_and_no_other(lab: Any) -> None:
    order = suite(lab)
    (lab.folder / "steps.yaml").write_text(STEPS.replace("gain: 1", "gain: 1, mode: fragile"))
    lab.runs.mkdir()
    (lab.runs / "trouble").touch()
    assert sweeps.run(order) == 1
    store = tracking.store.client(lab.uri)
    states = [store.get_run(sweep.run_id).info.status for sweep in tracking.sweeps(lab.uri)]
    assert states == ["FINISHED", "FAILED"]
    (lab.runs / "trouble").unlink()
    assert sweeps.run(order) == 0


def _runs(lab: Any) -> list[tracking.CellRun]:
    ids = [cell["id"] for sweep in tracking.sweeps(lab.uri) for cell in sweep.declaration["cells"]]
    return tracking.cells(lab.uri, ids)


def test_the_file_of_a_sweep_is_kept_with_it(lab: Any) -> None:
    sweeps.run(suite(lab))
    assert [sweep.declaration["file"] for sweep in tracking.sweeps(lab.uri)] == [GAIN, STEPS]
    assert Path(lab.folder / "gain.yaml").read_text() == GAIN
