"""A small world and its tokenizer, built once."""

from pathlib import Path

import datasets
import pytest
import torch

from mm1.config import Experiment, Language, World
from mm1.data.world.build import ensure
from mm1.language.tokenizer import load_tokenizer
from mm1.model import MultimodalLM

datasets.disable_progress_bars()
torch.set_num_threads(1)

SMALL = World(captions=200, interleaved=80, text=120, benchmark_items=12, shot_pool=60)


@pytest.fixture(scope="session")
def world(tmp_path_factory) -> Path:
    return ensure(SMALL, tmp_path_factory.mktemp("worlds"))


@pytest.fixture(scope="session")
def tokenizer():
    return load_tokenizer(Language())


@pytest.fixture(scope="session")
def outspoken(tokenizer):
    """A tiny untrained model with large weights, so that different prompts are continued differently."""
    torch.manual_seed(0)
    config = Experiment(
        encoder={"resolution": 16, "width": 32, "depth": 1, "heads": 2},
        connector={"type": "average-pool", "tokens": 4},
        language={"width": 32, "depth": 2, "heads": 2},
    )
    model = MultimodalLM(config, tokenizer).eval()
    with torch.no_grad():
        for name, weight in model.language.named_parameters():
            if weight.ndim > 1:
                weight.mul_(8 if "embed" not in name else 2)
        model.connector.project.weight.mul_(4)
    return model
