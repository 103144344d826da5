"""Best values by size and the power law through them, from losses whose optimum is known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ablations.claims import Verdict, judge
from ablations.study import Claim
from reports.frame import read
from reports.scaling import BEST, SIZE, best_values, power_law, scaling_table, with_best_values
from reports.tables import paper_difference

OPTIMUM = {"field": "rate", "metric": "loss"}
SIZES, RATES = (1e4, 1e5, 1e6), (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)


def cells(slope: float = -0.3, offset: float = 0.0) -> pd.DataFrame:
    """Losses with their lowest point where ln(rate) = slope ln(N) - 3 + noise of the seed."""
    rows = []
    for width, size in enumerate(SIZES):
        for seed in range(3):
            best = slope * math.log(size) - 3 + offset + 0.1 * (seed - 1)
            for rate in RATES:
                loss = 1 + 0.05 * (math.log(rate) - best) ** 2
                about = {"cell_id": f"{size} {seed} {rate}", "seed": seed, "width": width, SIZE: size}
                rows.append({**about, "rate": rate, "loss": loss})
    return pd.DataFrame(rows)


def test_a_parabola_finds_the_best_value_between_the_points_of_the_grid() -> None:
    best = best_values(cells(), OPTIMUM, ["width", "rate"])
    assert len(best) == 9 and best["inside"].all()
    middle = best[(best[SIZE] == 1e5) & (best["seed"] == 1)]
    assert math.log(middle["best"].item()) == pytest.approx(-0.3 * math.log(1e5) - 3)
    assert middle[BEST].item() == pytest.approx(math.log10(middle["best"].item()))


def test_a_best_value_at_the_edge_is_said_to_be_there() -> None:
    best = best_values(cells(offset=-4), OPTIMUM, ["width", "rate"])
    edge = best[best[SIZE] == 1e6]
    assert not edge["inside"].any() and (edge["best"] == RATES[0]).all()


def test_the_law_has_a_line_for_every_seed_and_a_band() -> None:
    law = power_law(best_values(cells(), OPTIMUM, ["width", "rate"]))
    assert law.slopes == pytest.approx([-0.3, -0.3, -0.3])
    middle, low, high = law.at(np.array([1e5]))
    assert math.log(middle[0]) == pytest.approx(-0.3 * math.log(1e5) - 3)
    half = 4.302653 * 0.1 / 3**0.5
    assert (math.log(high[0]) - math.log(low[0])) / 2 == pytest.approx(half, rel=1e-5)


def test_one_size_gives_no_law() -> None:
    one = cells()
    assert power_law(best_values(one[one[SIZE] == 1e5], OPTIMUM, ["width", "rate"])) is None


@pytest.mark.parametrize("slope, verdict", [(-0.3, "reproduced"), (0.3, "contradicted")])
def test_a_claim_about_best_values_is_judged_like_any_other(slope: float, verdict: str) -> None:
    offset = 0.0 if slope < 0 else -7.0
    known = with_best_values(cells(slope, offset), OPTIMUM, ["width", "rate"])
    claim = Claim("falls", "falls", BEST, "greater", {"width": "min"}, {"width": "max"})
    scores = pd.DataFrame(columns=["cell_id", "benchmark", "task", "shots", "item", "score"])
    levels = {"width": [0, 1, 2], "rate": list(RATES)}
    (found,) = judge([claim], known, scores, levels)
    assert found.n_seeds == 3 and found.verdict == verdict
    assert found.estimate == pytest.approx(-slope * math.log(100) / math.log(10), abs=0.02)


def test_the_papers_law_says_a_difference_for_our_sizes(store: str) -> None:
    results = read("demo", store)
    axis = "encoder.resolution"
    sized = replace(results, cells=results.cells.assign(**{SIZE: 10.0 ** (results.cells[axis] / 16)}))
    small, large = {axis: 16}, {axis: 48}
    verdict = Verdict("falls", "falls", "greater", BEST, small, large, margin=0.0, alpha=0.05)
    assert paper_difference(sized, verdict) == "+0.843 by its law"
    assert paper_difference(sized, replace(verdict, left={axis: 999})) == "–"


def test_without_the_metric_the_table_says_so(store: str) -> None:
    found = read("demo", store)
    study = {**found.study, "optimum": {"field": "encoder.resolution", "metric": "final/held_out_loss"}}
    table = scaling_table(replace(found, study=study))
    assert not table.sections[0].rows
    assert table.notes[0] == "No finished cell has final/held_out_loss, so there is no best value."
