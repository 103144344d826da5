"""A cell that is a trial of a search tells the journal how it does, and may be ended early."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ablations.system import Report

if TYPE_CHECKING:
    from optuna import Study
    from optuna.storages import JournalStorage

WARM_UP = 0.25
"""Share of a cell's steps before which it is not pruned."""
_PASSING = (OSError, ValueError, RuntimeError)
"""What a journal raises that is away, or in which the trial has ended already."""


class Pruned(Exception):
    """The trial is worse than most at this step: it is ended early, which is no failure."""


def storage(journal: str) -> JournalStorage:
    """Optuna's storage in a file that several processes may share."""
    import optuna
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.storages.JournalStorage(JournalFileBackend(journal))


def watched(report: Report, trial: Mapping[str, Any]) -> Report:
    """`report` that also tells the journal the step metric of a trial.

    Args:
        trial: `journal` (file), `search` (name of the Optuna study), `trial` (Optuna's id), `metric` (None: none
            is watched), `least` (finished trials before any is pruned), `final` (the metric that is searched by).

    Raises (the returned function):
        Pruned: the metric has been worse so far than the median of the finished trials at this step.
    """
    if trial["metric"] is None:
        return report
    try:
        study = _study(trial)
    except (KeyError, *_PASSING) as error:  # without its journal a cell is one like any other
        print(f"search journal: {type(error).__name__}: {error}")
        return report

    def tell(
        phase: str,
        step: int,
        total: int,
        loss: float | None = None,
        metrics: Mapping[str, float] | None = None,
    ) -> None:
        report(phase, step, total, loss=loss, metrics=metrics)
        if metrics and trial["metric"] in metrics:
            bad = _is_bad(study, trial["trial"], step, float(metrics[trial["metric"]]))
            if bad and step >= WARM_UP * total:
                raise Pruned(f"worse than the median of the finished trials at step {step} of {total}")

    return tell


def finished(trial: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
    """Tell the journal at once, so that trials that still run are compared with this one.

    Should that not succeed, the next round finds the result in the tracking store.
    """
    value = metrics.get(trial["final"], math.nan)
    if math.isfinite(value):
        with contextlib.suppress(KeyError, *_PASSING):
            study = _study(trial)
            number = study._storage.get_trial(trial["trial"]).number
            study.tell(number, value, skip_if_finished=True)


def _study(trial: Mapping[str, Any]) -> Study:
    import optuna

    pruner = optuna.pruners.MedianPruner(n_startup_trials=trial["least"])
    return optuna.load_study(study_name=trial["search"], storage=storage(trial["journal"]), pruner=pruner)


def _is_bad(study: Any, trial: int, step: int, value: float) -> bool:
    """Write the value down and ask the pruner; a journal that is away for a moment ends no cell."""
    try:
        study._storage.set_trial_intermediate_value(trial, step, value)
        return study.pruner.prune(study, study._storage.get_trial(trial))
    except _PASSING as error:
        print(f"search journal: {type(error).__name__}: {error}")
        return False
