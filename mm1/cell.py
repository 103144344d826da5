"""One cell of the system under study, from parts to scores."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from mm1 import ranks
from mm1.checkpoint import load_weights, save_weights
from mm1.config import Experiment
from mm1.data.held_out import split
from mm1.data.loader import PackedBatches
from mm1.data.sources import DocumentSource, open_source, world_sources
from mm1.data.world.build import EPOCH, ensure
from mm1.evaluation.contact_sheet import contact_sheet
from mm1.evaluation.evaluate import evaluate
from mm1.facts import facts
from mm1.language.tokenizer import load_tokenizer
from mm1.model import MultimodalLM
from mm1.pretraining import held_out_loss, multimodal_budget, multimodal_loss
from mm1.training import Training, fit
from mm1.versions import CODE_EPOCH, EVALUATION

_HELD_OUT = {"captions": 600, "interleaved": 200, "text": 200, "benchmark_items": 1, "shot_pool": 30}
_HELD_OUT_SEED = 1_000_003
_HELD_OUT_BATCHES, _HELD_OUT_SEQUENCES, _HELD_OUT_TIMES = 10, 4, 8


@dataclass
class Result:
    """Scores and what they cost."""

    metrics: dict[str, float]
    facts: dict[str, float]
    artifacts: list[Path]
    datasets: list[dict[str, Any]]


def run(
    config: Experiment,
    folder: Path,
    root: Path,
    stages: Mapping[str, Path],
    report: Callable[..., None],
    should_stop: Callable[[], bool] = lambda: False,
) -> Result:
    """Train and evaluate. `stages` maps `encoder` / `language` to weights that they start from.

    Where several processes train together, rank 0 alone writes and evaluates; the others' result is empty.
    """
    torch.manual_seed(config.seed)
    tokenizer = load_tokenizer(config.language)
    model = assemble(config, tokenizer, stages)
    world = ensure(config.data.world, root / "worlds") if config.data.world else None
    opened = open_sources(config, world)
    files = {name: split(opened[name]) for name in opened if name in config.data.sources}
    sources = opened | {name: training for name, (training, _) in files.items()}
    apart = {name: held for name, (_, held) in files.items()}
    batches = packed(config, sources, tokenizer, config.seed, ranks.rank(), ranks.world())
    held_out = [] if ranks.rank() else _held_out(config, apart, tokenizer, root)

    def report_and_check(phase: str, step: int, total: int, **more: Any) -> None:
        if held_out and step and step % max(1, total // _HELD_OUT_TIMES) == 0:
            losses = {"held_out/loss": held_out_loss(model, held_out)}
            more["metrics"] = {**(more.get("metrics") or {}), **losses}
        report(phase, step, total, **more)

    loss = partial(multimodal_loss, experts=config.language.experts)
    module = Training(model, loss, multimodal_budget(config), "multimodal", report_and_check)
    weights = folder / "weights.safetensors"
    if weights.exists():
        load_weights(model, weights)
        counted = json.loads((folder / "trained.json").read_text())
    else:
        fit(module, batches, folder, should_stop)
        read = batches.state_dict()
        counted = {**module.seen, "loss": module.final_loss, "corrupt": read["corrupt"], "cut": read["cut"]}
        if ranks.rank() == 0:
            (folder / "trained.json").write_text(json.dumps(counted))
            save_weights(model, weights)
    if ranks.rank():
        return Result({}, {}, [], [])
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    benchmarks = Path(config.data.benchmarks) if config.data.benchmarks else world / "benchmarks"

    def tell(done: int, total: int) -> None:
        report("evaluation", done, total)

    scored = evaluate(model, tokenizer, benchmarks, config.evaluation, config.encoder.resolution, tell)
    scored.predictions.to_parquet(folder / "predictions.parquet")
    contact_sheet(scored.predictions, benchmarks, folder / "contact_sheet.png")
    epochs = {"epoch/code": CODE_EPOCH, "epoch/evaluation": EVALUATION, "epoch/world": EPOCH}
    metrics = scored.metrics | {"final/loss": counted["loss"]} | epochs
    if held_out:
        metrics["final/held_out_loss"] = held_out_loss(model, held_out)
    artifacts = [folder / "predictions.parquet", folder / "contact_sheet.png"]
    return Result(metrics, facts(config, model, counted), artifacts, _datasets(config, sources))


def assemble(config: Experiment, tokenizer: Any, stages: Mapping[str, Path]) -> MultimodalLM:
    """The model with its pre-trained parts loaded."""
    from safetensors.torch import load_file

    model = MultimodalLM(config, tokenizer)
    if "encoder" in stages:
        state = load_file(str(stages["encoder"]))
        model.encoder.load_resampled({name: tensor.float() for name, tensor in state.items()})
    if "language" in stages:
        load_weights(model.language, stages["language"])
    return model


def open_sources(config: Experiment, world: Path | None) -> dict[str, DocumentSource]:
    """The sources the mix draws from: files named in the configuration, else the world's."""
    sources = world_sources(world) if world else {}
    sources |= {name: open_source(source) for name, source in config.data.sources.items()}
    return {name: sources[name] for name in config.data.mix}


def packed(
    config: Experiment,
    sources: Mapping[str, DocumentSource],
    tokenizer: Any,
    seed: int,
    rank: int = 0,
    world: int = 1,
) -> PackedBatches:
    """Batches of one micro-step: those of `rank` among `world`."""
    training = config.training
    return PackedBatches(
        sources,
        config.data.mix,
        tokenizer,
        image_tokens=config.connector.tokens,
        resolution=config.encoder.resolution,
        sequences=training.sequences,
        accumulate=training.accumulate,
        length=training.sequence_length,
        seed=seed,
        rank=rank,
        world=world,
        max_corrupt=config.data.max_corrupt,
    )


def _held_out(
    config: Experiment, apart: Mapping[str, DocumentSource], tokenizer: Any, root: Path
) -> list[dict[str, torch.Tensor]]:
    """Batches of the same mix that nobody trains on: documents of files kept apart, and another world's.

    None where a file has too few documents to keep some. Packed once: filling the packers anew for each look at
    them would be a twentieth of a micro cell's time. They are as many whatever a step takes, so that cells compare,
    and few, since one rank of many holds them.
    """
    if not all(map(len, apart.values())):
        return []
    sources = dict(apart)
    if config.data.world is not None and config.data.mix.keys() - apart.keys():
        other = {"seed": config.data.world.seed + _HELD_OUT_SEED, **_HELD_OUT}
        world = config.data.world.model_copy(update=other)
        sources = world_sources(ensure(world, root / "worlds")) | sources
    small = config.training.model_copy(update={"sequences": _HELD_OUT_SEQUENCES, "accumulate": 1})
    config = config.model_copy(update={"training": small})
    batches = packed(config, sources, tokenizer, _HELD_OUT_SEED)
    return [batches.batch() for _ in range(_HELD_OUT_BATCHES)]


def _datasets(config: Experiment, sources: Mapping[str, DocumentSource]) -> list[dict[str, Any]]:
    mix = config.data.mix
    total = sum(mix.values())
    return [
        {"name": name, "digest": source.digest, "rows": len(source), "weight": mix[name] / total}
        for name, source in sources.items()
    ]
