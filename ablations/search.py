"""Search a field in every setting of a sweep with Optuna: rounds of trials, each of which is an ordinary cell.

Every setting and seed is a search of its own, one Optuna study in the journal of the sweep. `advance` looks
up which open trials have ended (the tracking store says so), tells Optuna, and asks for as many as the next
round takes. A trial is written down with its value in one line before its cell runs, so whoever comes next,
after a crash or beside another launcher, finds it open and goes on with it.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablations import grid, preflight, tracking
from ablations.cell import Cell
from ablations.errors import UserError
from ablations.files import lease
from ablations.part import Part, Round
from ablations.proposals import STATES, distribution, independent, propose
from ablations.search_block import Search
from ablations.trial import storage

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial


@dataclass(frozen=True)
class _Setting:
    """A point of the sweep and a seed, with its Optuna study."""

    key: str
    study: Study

    def trials(self, *states: str) -> list[FrozenTrial]:
        """Those in one of these states; none named: all that belong to the search."""
        found = self.study.get_trials(deepcopy=False)
        return [trial for trial in found if trial.state.name in (states or STATES)]


@dataclass(frozen=True)
class _Found:
    """A trial with its setting and its cell."""

    setting: _Setting
    trial: FrozenTrial
    cell: Cell

    @property
    def state(self) -> str:
        return self.trial.state.name

    def told(self, journal: Path, spec: Search) -> dict[str, Any]:
        """What the cell's worker has to know, see `ablations.trial.watched`."""
        about = {"journal": str(journal), "search": self.setting.key, "trial": self.trial._trial_id}
        watched = spec.step_metric if spec.pruner == "median" else None
        return about | {"final": spec.metric, "metric": watched, "least": max(2, math.ceil(spec.trials / 4))}


def advance(part: Part, runs: Path, uri: str, workers: int) -> Part:
    """The part with the cells of all trials so far and of the next round; those that are open are left to do.

    Raises:
        UserError: a finished cell has no such metric.
    """
    folder = runs.absolute() / "searches"
    preflight.make(folder, 0o700)
    journal = folder / f"{_address(part)}.journal"
    with _alone(journal):
        return _advance(part, journal, uri, workers)


def preview(part: Part, runs: Path, uri: str, workers: int) -> Part:
    """What `advance` would say; nothing is written down."""
    journal = runs.absolute() / "searches" / f"{_address(part)}.journal"
    with tempfile.TemporaryDirectory(prefix="ablate-") as name:
        copy = Path(name) / journal.name
        if journal.exists():
            shutil.copy(journal, copy)
        return _advance(part, copy, uri, workers)


def _address(part: Part) -> str:
    """A search is its sweep, its settings and where it looks; it goes on when only `trials` is raised."""
    spec = asdict(part.sweep.search)
    wanted = {name: value for name, value in spec.items() if name not in ("trials", "pruner", "step_metric")}
    text = json.dumps([part.key, wanted], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


@contextmanager
def _alone(journal: Path) -> Iterator[None]:
    """One launcher at a time looks and asks."""
    while True:
        with lease(journal.with_suffix(".lease")) as mine:
            if mine:
                yield
                return
        time.sleep(0.2)


def _advance(part: Part, journal: Path, uri: str, workers: int) -> Part:
    spec, settings = part.sweep.search, _settings(part, journal)
    cell, batch = _cells(part, settings), math.ceil(workers / len(settings))

    def found() -> list[_Found]:
        return [_Found(one, trial, cell(one, trial)) for one in settings for trial in one.trials()]

    _settle(found(), journal.stem, uri, spec)
    while sum(_ask(setting, spec, batch) for setting in settings):
        _settle(found(), journal.stem, uri, spec)  # what was asked for may be there: another sweep's cell
    return _with_round(part, found(), journal, len(settings))


def _with_round(part: Part, found: Sequence[_Found], journal: Path, settings: int) -> Part:
    spec = part.sweep.search
    kept = {one.cell.id: one.cell for one in found if one.state != "PRUNED"}
    pruned = {one.cell.id for one in found if one.state == "PRUNED"}
    waiting = [one for one in found if one.state == "RUNNING"]
    about = Round(
        id=journal.stem,
        settings=settings,
        planned=spec.trials * settings,
        done=len(found) - len(waiting),
        open={one.cell.id: one.told(journal, spec) for one in waiting},
        pruned=sorted(pruned.difference(kept)),
    )
    return replace(part, cells=list(kept.values()), round=about)


def _cells(part: Part, settings: Sequence[_Setting]) -> Callable[[_Setting, FrozenTrial], Cell]:
    """The cell of a trial: its setting with its value."""
    field = part.sweep.search.field

    @cache
    def at(value: float) -> Mapping[str, Cell]:
        sweep = replace(part.sweep, set={**part.sweep.set, field: value})
        cells = grid.cells(part.study, part.system, sweep)
        if len(cells) != len(settings):
            raise part.sweep.error(f"{field}: {value:g} is excluded in some setting", field)
        return dict(zip((setting.key for setting in settings), cells, strict=True))

    return lambda setting, trial: at(trial.params[field])[setting.key]


def _settings(part: Part, journal: Path) -> list[_Setting]:
    """An Optuna study for every setting and seed."""
    import optuna

    _mend(journal)
    kept, spec = storage(str(journal)), part.sweep.search
    known = {study.study_name: study for study in kept.get_all_studies()}
    found = []
    for cell in part.cells:
        key = _key(cell, spec)
        how = {"direction": spec.direction} if key not in known else {}
        make = optuna.create_study if key not in known else optuna.load_study
        found.append(_Setting(key, make(study_name=key, storage=kept, **how)))
    return found


def _key(cell: Cell, spec: Search) -> str:
    """The setting a cell belongs to: its seed, and its axes without the searched field."""
    axes = {name: value for name, value in cell.axes.items() if name != spec.field}
    return json.dumps({**axes, "seed": cell.seed}, sort_keys=True)


def _mend(journal: Path) -> None:
    """Cut off a last line that a dying machine left half written: the next one would be glued to it."""
    from optuna.storages.journal import JournalFileSymlinkLock
    from optuna.storages.journal._file import get_lock_file

    if not journal.exists():
        return
    with get_lock_file(JournalFileSymlinkLock(str(journal))):
        text = journal.read_bytes()
        if text and not text.endswith(b"\n"):
            with open(journal, "rb+") as file:
                file.truncate(text.rfind(b"\n") + 1)


def _settle(found: Sequence[_Found], name: str, uri: str, spec: Search) -> None:
    """Tell Optuna of open trials that have ended. Only this search's own word counts that one was bad."""
    waiting = [one for one in found if one.state == "RUNNING"]
    runs = {run.cell_id: run for run in tracking.cells(uri, [one.cell.id for one in waiting])}
    for one in waiting:
        run = runs.get(one.cell.id)
        if run is not None and run.status == "FINISHED":
            one.setting.study.tell(one.trial.number, **_result(run, spec), skip_if_finished=True)
        elif run is not None and run.status == "KILLED" and run.tags.get("ablate.pruned_by") == name:
            one.setting.study.tell(one.trial.number, state=_pruned(), skip_if_finished=True)


def _result(run: tracking.CellRun, spec: Search) -> dict[str, Any]:
    if spec.metric not in run.metrics:
        names = ", ".join(sorted(name for name in run.metrics if name.startswith(("final/", "eval/")))[:12])
        raise UserError(
            f"search.metric: cell {run.cell_id} has no '{spec.metric}'; it has: {names or 'none'}"
        )
    value = run.metrics[spec.metric]
    return {"values": value} if math.isfinite(value) else {"state": _pruned()}


def _pruned() -> Any:
    from optuna.trial import TrialState

    return TrialState.PRUNED


def _ask(setting: _Setting, spec: Search, batch: int) -> int:
    """Write down further trials, as many as may be open at once; how many."""
    count = len(setting.trials())
    wanted = max(independent(spec) - count, batch - len(setting.trials("RUNNING")))
    asked = range(count, min(spec.trials, count + wanted))
    for number in asked:
        _open(setting.study, spec, propose(setting.study, spec, number))
    return len(asked)


def _open(study: Study, spec: Search, value: float) -> None:
    """An open trial with its value: one line of the journal, there or not there."""
    import optuna

    study.add_trial(
        optuna.create_trial(
            state=optuna.trial.TrialState.RUNNING,
            params={spec.field: value},
            distributions={spec.field: distribution(spec)},
        )
    )
