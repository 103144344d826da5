"""Derived values of a configuration: they are written out, so that they are part of a cell's identity."""

import pytest

from mm1.config import Experiment
from mm1.model import MultimodalLM
from mm1.optimizer import adamw
from mm1.pretraining import multimodal_budget


@pytest.mark.parametrize("rate", [1e-4, 2e-3])
def test_tied_weight_decay_is_a_tenth_of_the_learning_rate(rate, tokenizer):
    config = Experiment(training={"learning_rate": rate, "weight_decay": "tied"}).resolved()
    assert config["training"]["weight_decay"] == pytest.approx(rate / 10)
    resolved = Experiment.model_validate(config)
    budget = multimodal_budget(resolved)
    optimizer = adamw(MultimodalLM(resolved, tokenizer), budget.learning_rate, budget.weight_decay)
    decays = {group["weight_decay"] for group in optimizer.param_groups}
    assert sorted(decays) == pytest.approx([0.0, rate / 10])


def test_a_share_of_synthetic_captions_is_written_where_it_takes_effect():
    world = Experiment(data={"synthetic_share": 0.8}).resolved()["data"]
    assert world["synthetic_share"] == world["world"]["synthetic_share"] == 0.8
    usual = Experiment().resolved()["data"]
    assert usual["synthetic_share"] == usual["world"]["synthetic_share"] == 0.35
    sources = {
        name: {"format": "parquet-captions", "path": f"{name}.parquet"} for name in ("captions", "synthetic")
    }
    files = Experiment(
        data={"world": None, "sources": sources, "mix": {"captions": 2}, "synthetic_share": 0.25}
    )
    assert files.resolved()["data"]["mix"] == {"captions": 1.5, "synthetic": 0.5}


def test_resolving_twice_changes_nothing():
    once = Experiment(seed=3, training={"weight_decay": "tied"}, data={"synthetic_share": 0.5}).resolved()
    assert Experiment.model_validate(once).resolved() == once
