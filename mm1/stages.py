"""Pre-training stages that cells share: an encoder, a language model. Each has a content address."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from mm1.config import Encoder, Experts, Language

EPOCH = 1
"""Raised when code that decides a stage's result changes: older results are never reused."""
WEIGHTS, METRICS = "weights.safetensors", "metrics.json"
ZOO = Path(__file__).parent / "zoo"
_SEQUENCE = 256
_PROBES = 6
_LATER = ("frozen", "layer", "learning_rate_scale")  # fields that only matter after pre-training


def encoder_stage(config: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """Content address and configuration of the encoder a resolved experiment starts from; None if it is bought in."""
    encoder = {name: value for name, value in config["encoder"].items() if name not in _LATER}
    if encoder["pretrained"] is not None or encoder["pretraining"]["steps"] == 0:
        return None
    return _address("encoder", encoder), encoder


def language_stage(config: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """The same for the language model."""
    language = {name: value for name, value in config["language"].items() if name not in _LATER}
    if language["pretrained"] is not None or language["pretraining"]["steps"] == 0:
        return None
    return _address("language", language), language


def weights(stage_id: str, folder: Path) -> Path | None:
    """Where a stage's weights lie: in its own folder, else in the zoo that ships, else nowhere."""
    for path in (folder / WEIGHTS, ZOO / f"{stage_id}.safetensors"):
        if path.exists():
            return path
    return None


def train_encoder(
    config: Mapping[str, Any], folder: Path, report: Callable, should_stop: Callable[[], bool]
) -> None:
    """Pre-training by the configured objective; publishes weights and the probe curve in `folder`."""
    import torch

    from mm1.data.world.pools import encoder_pairs
    from mm1.encoders import encoders, objectives
    from mm1.encoders.batches import CaptionBatches, objective_loss
    from mm1.encoders.probe import probe
    from mm1.language.tokenizer import load_tokenizer
    from mm1.training import Training, fit

    settings = Encoder.model_validate(dict(config))
    plan = settings.pretraining
    torch.manual_seed(plan.seed)
    tokenizer = load_tokenizer(Language())
    model = objectives.get(plan.objective)(encoders.get(settings.type)(settings), len(tokenizer))
    pairs = encoder_pairs(plan.pairs, plan.seed, plan.synthetic_share)
    batches = CaptionBatches(pairs, tokenizer, settings.resolution, plan.batch, plan.seed)
    curve_file = folder / "probe.json"
    curve = json.loads(curve_file.read_text()) if curve_file.exists() else {}

    def report_and_probe(phase: str, step: int, total: int, **more: Any) -> None:
        report(phase, step, total, **more)
        if step % max(1, total // _PROBES) == 0 and str(step) not in curve:
            curve[str(step)] = probe(model.encoder, settings.resolution)
            model.train()
            curve_file.write_text(json.dumps(curve))

    module = Training(model, objective_loss, _budget(plan), "encoder", report_and_probe)
    fit(module, batches, folder, should_stop)
    _publish(model.encoder, folder, {"loss": module.final_loss, "probe": curve})


def train_language(
    config: Mapping[str, Any], folder: Path, report: Callable, should_stop: Callable[[], bool]
) -> None:
    """Text-only pre-training of the LM; publishes weights and held-out loss in `folder`."""
    import torch

    from mm1.data.loader import PackedBatches
    from mm1.data.world.pools import lm_pages
    from mm1.language import language_models
    from mm1.language.tokenizer import load_tokenizer
    from mm1.pretraining import text_loss
    from mm1.training import Training, fit

    settings = Language.model_validate(dict(config))
    plan = settings.pretraining
    torch.manual_seed(plan.seed)
    tokenizer = load_tokenizer(settings)
    model = language_models.get(settings.type)(settings, tokenizer)

    def pages(count: int, seed: int) -> PackedBatches:
        pool = {"text": lm_pages(count, seed)}
        return PackedBatches(
            pool,
            {"text": 1},
            tokenizer,
            image_tokens=1,
            resolution=1,
            sequences=plan.batch,
            length=_SEQUENCE,
            seed=seed,
        )

    module = Training(model, partial(text_loss, experts=settings.experts), _budget(plan), "language", report)
    fit(module, pages(plan.documents, plan.seed), folder, should_stop)
    model.eval()
    unseen = pages(2000, plan.seed + 1_000_000)
    with torch.inference_mode():
        device = next(model.parameters()).device
        batches = ({k: v.to(device) for k, v in unseen.batch().items()} for _ in range(10))
        held_out = [float(text_loss(model, batch, Experts())["loss"]) for batch in batches]
    _publish(model, folder, {"loss": module.final_loss, "held_out_loss": sum(held_out) / len(held_out)})


def _budget(plan: Any) -> Any:
    from mm1.training import Budget

    return Budget(
        steps=plan.steps,
        learning_rate=plan.learning_rate,
        weight_decay=plan.weight_decay,
        warmup=plan.steps // 30,
    )


def _publish(model: Any, folder: Path, metrics: dict[str, Any]) -> None:
    """Weights in half precision, as the zoo keeps them: a stage gives the same bits wherever it was trained or kept."""
    from mm1.checkpoint import LAST, PREVIOUS, save_weights

    (folder / METRICS).write_text(json.dumps(metrics, indent=1))
    save_weights(model.cpu().half(), folder / WEIGHTS)
    for name in (LAST, PREVIOUS):
        (folder / name).unlink(missing_ok=True)


def _address(kind: str, config: Mapping[str, Any]) -> str:
    from mm1.data.world.build import EPOCH as WORLD_EPOCH

    text = json.dumps([kind, EPOCH, WORLD_EPOCH, config], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def default_root() -> Path:
    """Where worlds and stages lie unless a run says otherwise."""
    return Path(os.environ.get("ABLATE_RUNS", "runs"))
