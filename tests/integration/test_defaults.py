"""A default that changes after cells have finished, with a real store."""

from __future__ import annotations

from typing import Any

import lab_study
import pytest

from ablations import tracking
from ablations.commands import sweeps
from ablations.errors import UserError

GRID = "axes: {gain: [1, 2]}\nlaunch: {executor: inline}\n"


def order(lab: Any) -> sweeps.Order:
    return sweeps.Order("lab", lab.folder / "lab.yaml", None, None, [], {}, lab.runs, lab.uri)


def test_a_changed_default_is_refused_until_the_sweep_says_which_is_meant(
    lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.write(GRID)
    assert sweeps.run(order(lab)) == 0
    monkeypatch.setitem(lab_study.DEFAULTS, "steps", 7)
    with pytest.raises(UserError, match=r"defaults: 2(.|\n)*gain=1 seed=0(.|\n)*steps: was 6, is 7"):
        sweeps.plan(order(lab), as_json=False)
    for steps, left in ((6, 0), (7, 2)):
        lab.write(GRID + f"set: {{steps: {steps}}}\n")
        assert len(sweeps.prepare(order(lab))[0].tasks) == left
    lab.write(GRID.replace("2", "3"))
    with pytest.raises(UserError, match="defaults: 1;"):
        sweeps.plan(order(lab), as_json=False)


def test_a_sweep_that_was_killed_before_it_said_what_it_runs_is_none(lab: Any) -> None:
    lab.write(GRID)
    assert sweeps.run(order(lab)) == 0
    sweep = tracking.sweeps(lab.uri)[0]
    store = tracking.store.client(lab.uri)
    store.set_tag(sweep.run_id, "ablate.kind", "undeclared")
    assert tracking.sweeps(lab.uri) == []
    assert sweeps.run(order(lab)) == 0
    assert [found.run_id for found in tracking.sweeps(lab.uri)] == [sweep.run_id]
