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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablations import grid, tracking
from ablations.cell import Cell
from ablations.errors import UserError
from ablations.files import lease
from ablations.part import Part, Round
from ablations.search_block import Search
from ablations.trial import storage

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

_DIGITS = 3
_DRAWS = 20


@dataclass(frozen=True)
class _Setting:
    """A point of the sweep and a seed, with its Optuna study."""

    key: str
    study: Study

    def trials(self, *states: str) -> list[FrozenTrial]:
        return [trial for trial in self.study.get_trials(deepcopy=False) if trial.state.name in states]


def advance(part: Part, runs: Path, uri: str, workers: int) -> Part:
    """The part with the cells of all trials so far and of the next round; those that are open are left to do.

    Raises:
        UserError: a finished cell has no such metric.
    """
    folder = runs.absolute() / "searches"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
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
    spec = part.sweep.search
    settings = _settings(part, journal)
    batch = math.ceil(workers / len(settings))

    @cache
    def cells(value: float) -> Mapping[str, Cell]:
        """Setting -> its cell with this value of the searched field."""
        at = replace(part.sweep, set={**part.sweep.set, spec.field: value})
        return {_key(cell, spec): cell for cell in grid.cells(part.study, part.system, at)}

    def cell(setting: _Setting, trial: FrozenTrial) -> Cell:
        return cells(trial.params[spec.field])[setting.key]

    while True:
        _settle(settings, cell, uri, spec)
        if not sum(_ask(setting, spec, batch) for setting in settings):
            break
    found = [
        (setting, trial, cell(setting, trial)) for setting in settings for trial in setting.trials(*_COUNT)
    ]
    pruned = {c.id: None for _, trial, c in found if trial.state.name == "PRUNED"}
    kept = {c.id: c for _, trial, c in found if trial.state.name != "PRUNED"}
    told = {"final": spec.metric, "metric": spec.step_metric if spec.pruner == "median" else None}
    told |= {"least": max(2, math.ceil(spec.trials / 4))}
    opened = {
        c.id: {"journal": str(journal), "search": setting.key, "trial": trial._trial_id, **told}
        for setting, trial, c in found
        if trial.state.name == "RUNNING"
    }
    about = Round(
        id=journal.stem,
        settings=len(settings),
        planned=spec.trials * len(settings),
        done=len(found) - sum(trial.state.name == "RUNNING" for _, trial, _ in found),
        open=opened,
        pruned=[key for key in pruned if key not in kept],
    )
    return replace(part, cells=list(kept.values()), round=about)


_COUNT = ("COMPLETE", "PRUNED", "RUNNING")
"""States of the trials that count; the store knows no others here."""


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


def _settle(settings: Sequence[_Setting], cell: Any, uri: str, spec: Search) -> None:
    """Tell Optuna of open trials that have ended."""
    waiting = [
        (setting, trial, cell(setting, trial)) for setting in settings for trial in setting.trials("RUNNING")
    ]
    runs = {run.cell_id: run for run in tracking.cells(uri, [found.id for _, _, found in waiting])}
    for setting, trial, found in waiting:
        run = runs.get(found.id)
        if run is None:
            continue
        if run.status == "FINISHED":
            setting.study.tell(trial.number, **_result(run, spec), skip_if_finished=True)
        elif run.status == "KILLED" and run.tags.get("ablate.state") == "pruned":
            setting.study.tell(trial.number, state=_pruned(), skip_if_finished=True)


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
    count = len(setting.trials(*_COUNT))
    wanted = max(_first(spec) - count, batch - len(setting.trials("RUNNING")))
    asked = range(count, min(spec.trials, count + wanted))
    for number in asked:
        _open(setting.study, spec, _value(setting, spec, number))
    return len(asked)


def _first(spec: Search) -> int:
    """How many trials depend on no result: they span the range, the same in every setting.

    Half of them: TPE that starts from fewer finds a single field's optimum no better than an even grid would.
    """
    return spec.trials if spec.values else math.ceil(spec.trials / 2)


def _value(setting: _Setting, spec: Search, number: int) -> float:
    """The value of a trial, with three digits; one that was tried before only if nothing else is drawn."""
    if spec.values:
        return spec.values[number]
    if number < (first := _first(spec)):
        return _rounded(spec, spec.low * (spec.high / spec.low) ** ((number + 0.5) / first))
    tried = {trial.params[spec.field] for trial in setting.trials(*_COUNT)}
    drawn = (_draw(setting, spec, f"{number} {attempt}") for attempt in range(_DRAWS))
    values = [value for value in drawn if value not in tried][:1] or [_draw(setting, spec, f"{number} 0")]
    return values[0]


def _draw(setting: _Setting, spec: Search, salt: str) -> float:
    """TPE's proposal (Bergstra et al., 2011); open trials count as bad ones, so that a round spreads out."""
    import optuna

    digest = hashlib.blake2b(f"{setting.key} {salt}".encode(), digest_size=4).digest()
    sampler = optuna.samplers.TPESampler(
        n_startup_trials=1, constant_liar=True, seed=int.from_bytes(digest, "big")
    )
    trial = optuna.create_trial(state=optuna.trial.TrialState.RUNNING)
    return _rounded(spec, sampler.sample_independent(setting.study, trial, spec.field, _range(spec)))


def _range(spec: Search) -> Any:
    from optuna.distributions import FloatDistribution

    return FloatDistribution(spec.low, spec.high, log=True)


def _rounded(spec: Search, value: float) -> float:
    return min(spec.high, max(spec.low, float(f"{value:.{_DIGITS}g}")))


def _open(study: Study, spec: Search, value: float) -> None:
    """An open trial with its value: one line of the journal, there or not there."""
    import optuna

    study.add_trial(
        optuna.create_trial(
            state=optuna.trial.TrialState.RUNNING,
            params={spec.field: value},
            distributions={spec.field: _range(spec)},
        )
    )
