"""Which value a trial of a search gets: the first half span the range, TPE proposes the others."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

from ablations.search_block import Search

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import FloatDistribution

STATES = ("COMPLETE", "PRUNED", "RUNNING")
"""States of the trials of a search."""
_DIGITS, _DRAWS = 3, 20


def independent(search: Search) -> int:
    """How many trials depend on no result; they are the same in every setting.

    Half of them: TPE that starts from fewer finds a single field's optimum no better than an even grid would.
    """
    return search.trials if search.values else math.ceil(search.trials / 2)


def propose(study: Study, search: Search, number: int) -> float:
    """The value of a trial, with three digits so that cells meet again; a new one unless there seems to be none."""
    if search.values:
        return search.values[number]
    if number < (first := independent(search)):
        return _rounded(search, search.low * (search.high / search.low) ** ((number + 0.5) / first))
    tried = {trial.params[search.field] for trial in study.get_trials(deepcopy=False) if trial.params}
    value = _draw(study, search, number, 0)
    for attempt in range(1, _DRAWS):
        if value not in tried:
            break
        value = _draw(study, search, number, attempt)
    return value


def _draw(study: Study, search: Search, number: int, attempt: int) -> float:
    """TPE's proposal (Bergstra et al., 2011); open trials count as bad ones, so that a round spreads out.

    Its seed is that of the setting and the trial: a search that goes on proposes what it would have proposed.
    """
    import optuna

    digest = hashlib.blake2b(f"{study.study_name} {number} {attempt}".encode(), digest_size=4).digest()
    seed = int.from_bytes(digest, "big")
    sampler = optuna.samplers.TPESampler(n_startup_trials=1, constant_liar=True, seed=seed)
    trial = optuna.create_trial(state=optuna.trial.TrialState.RUNNING)
    return _rounded(search, sampler.sample_independent(study, trial, search.field, distribution(search)))


def distribution(search: Search) -> FloatDistribution:
    """The searched range as Optuna knows it."""
    from optuna.distributions import FloatDistribution

    return FloatDistribution(search.low, search.high, log=True)


def _rounded(search: Search, value: float) -> float:
    return min(search.high, max(search.low, float(f"{value:.{_DIGITS}g}")))
