import hashlib
import json
from pathlib import Path

import pytest
import torch

from ablations import grid, studies, suite, sweep
from mm1.cell import assemble
from mm1.config import Experiment
from mm1.data.encoding import Encoder
from mm1.data.sources import world_sources
from mm1.data.world.grammar import vocabulary
from mm1.encoders.probe import probe
from mm1.stages import (
    METRICS,
    WEIGHTS,
    ZOO,
    encoder_stage,
    language_stage,
    train_encoder,
    train_language,
    weights,
)
from mm1.zoo.build import MANIFEST, parts

ROOT = Path(__file__).parents[2]
ENCODER, LANGUAGE = "350022241243a76a", "9fb099af22cbf8ec"


def stages(**changes):
    config = Experiment(**changes).resolved()
    return encoder_stage(config), language_stage(config)


def test_addresses_are_pinned():
    """A change here orphans every part that ships: raise the epoch and rebuild the zoo."""
    encoder, language = stages(seed=0, encoder={"resolution": 48})
    assert (encoder[0], language[0]) == (ENCODER, LANGUAGE)


def test_the_order_of_the_vocabulary_is_pinned():
    """The shipped parts know words by number."""
    assert len(vocabulary()) == 132
    digest = hashlib.blake2b(" ".join(vocabulary()).encode(), digest_size=8).hexdigest()
    assert digest == "6ec07692d72b37bf"


def test_what_only_matters_later_shares_a_stage():
    later = {"frozen": True, "learning_rate_scale": 0.1}
    encoder, language = stages(encoder={**later, "layer": -2}, language=later, training={"steps": 7})
    assert (encoder[0], language[0]) == (ENCODER, LANGUAGE)


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1},
        {"encoder": {"resolution": 32}},
        {"encoder": {"width": 32}},
        {"encoder": {"pretraining": {"steps": 10}}},
        {"encoder": {"pretraining": {"seed": 1}}},
    ],
)
def test_what_changes_an_encoder_changes_its_address_alone(changes):
    encoder, language = stages(**changes)
    assert encoder[0] != ENCODER
    assert language[0] == LANGUAGE


def test_a_part_without_pretraining_has_no_stage():
    none = {"pretraining": {"steps": 0}}
    assert stages(encoder=none, language=none) == (None, None)
    assert stages(encoder={"pretrained": "vit_tiny_patch16_224", "resolution": 224})[0] is None


def test_the_manifest_lists_every_file_and_says_how_each_was_made():
    manifest = json.loads(MANIFEST.read_text())
    assert {path.stem for path in ZOO.glob("*.safetensors")} == manifest.keys()
    assert {key: (entry["kind"], entry["config"]) for key, entry in manifest.items()} == parts()


def test_every_shipped_cell_of_the_sweep_finds_its_stages(tmp_path):
    study = studies.get("encoder-resolution")
    system = study.system()
    file = sweep.read(ROOT / "sweeps" / "res.yaml", study.name, system.scales(), seeds="0-4")
    cells = grid.cells(study, system, file)
    assert len(cells) == 20
    for cell in cells:
        for stage in system.stages(cell.config):
            assert weights(stage.id, tmp_path) == ZOO / f"{stage.id}.safetensors"


def test_the_zoo_is_what_the_cells_of_the_shipped_suite_start_from(tmp_path):
    """So that the whole of MM1 fits into an afternoon: the stages alone would take three hours of it."""
    found, _ = suite.read(suite.ALL, ROOT / "sweeps" / "mm1.yaml")
    stages = {stage.id for part in found for cell in part.cells for stage in part.system.stages(cell.config)}
    assert stages == json.loads(MANIFEST.read_text()).keys()
    for stage in stages:
        assert weights(stage, tmp_path) == ZOO / f"{stage}.safetensors"


def test_a_stage_in_its_own_folder_comes_first_and_an_unknown_one_is_nowhere(tmp_path):
    assert weights("0" * 16, tmp_path) is None
    (tmp_path / WEIGHTS).touch()
    assert weights(ENCODER, tmp_path) == tmp_path / WEIGHTS


def test_the_zoo_is_small():
    assert sum(path.stat().st_size for path in ZOO.iterdir() if path.is_file()) < 16e6


@pytest.mark.parametrize("resolution", [16, 48])
def test_shipped_parts_fit_the_model_and_carry_what_they_learnt(world, tokenizer, tmp_path, resolution):
    config = Experiment(encoder={"resolution": resolution})
    encoder, language = encoder_stage(config.resolved())[0], language_stage(config.resolved())[0]
    found = {"encoder": weights(encoder, tmp_path), "language": weights(language, tmp_path)}
    model, blank = assemble(config, tokenizer, found).eval(), assemble(config, tokenizer, {}).eval()
    page = Encoder(tokenizer, 1, resolution, 200).encode(world_sources(world)["text"][0])
    ids = torch.from_numpy(page.ids).unsqueeze(0)
    with torch.inference_mode():
        assert model.language(ids, labels=ids).loss < 0.5 * blank.language(ids, labels=ids).loss
    learnt, untrained = (probe(part.encoder, resolution, 300, 100)["colour"] for part in (model, blank))
    assert learnt > untrained + 0.1


def test_stages_publish_half_precision_weights_and_metrics(tokenizer, tmp_path):
    """The zoo and a fresh stage hold the same bits because both are rounded."""
    short = {"steps": 2, "batch": 4}
    config = Experiment(
        encoder={"resolution": 16, "width": 32, "depth": 1, "pretraining": {**short, "pairs": 20}},
        language={"width": 32, "depth": 1, "pretraining": {**short, "documents": 60}},
    )
    found = {}
    for name, train in (("encoder", train_encoder), ("language", train_language)):
        folder = tmp_path / name
        train(
            getattr(config, name).model_dump() | pretraining(config, name),
            folder,
            lambda *_, **__: None,
            bool,
        )
        found[name] = folder / WEIGHTS
        assert json.loads((folder / METRICS).read_text())["loss"] > 0
        assert {path.name for path in folder.iterdir()} <= {WEIGHTS, METRICS, "probe.json"}
    model, blank = assemble(config, tokenizer, found), assemble(config, tokenizer, {})
    for name in found:
        loaded = torch.cat([p.flatten() for p in getattr(model, name).parameters()])
        assert torch.equal(loaded, loaded.half().float())
        assert not torch.equal(loaded, torch.cat([p.flatten() for p in getattr(blank, name).parameters()]))


def pretraining(config, name):
    return {"pretraining": config.resolved()[name]["pretraining"]}
