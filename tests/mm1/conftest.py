"""A small world and its tokenizer, built once."""

from pathlib import Path

import datasets
import pytest
import torch

from mm1.config import Language, World
from mm1.data.world.build import ensure
from mm1.language.tokenizer import load_tokenizer

datasets.disable_progress_bars()
torch.set_num_threads(1)

SMALL = World(captions=200, interleaved=80, text=120, benchmark_items=12, shot_pool=60)


@pytest.fixture(scope="session")
def world(tmp_path_factory) -> Path:
    return ensure(SMALL, tmp_path_factory.mktemp("worlds"))


@pytest.fixture(scope="session")
def tokenizer():
    return load_tokenizer(Language())
