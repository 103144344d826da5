"""The multimodal LM of `mm1` as the harness sees it."""

from __future__ import annotations

import marshal
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ablations.errors import FieldError
from ablations.studies.recipes import RECIPES
from ablations.system import CellFailed, Context, Interrupted, Outcome, Stage

_SECONDS_PER_CELL, _SECONDS_PER_STEP = 18, 0.02
_SECONDS_PER_SEQUENCE, _SECONDS_PER_PATCH = 0.024, 0.0003


class MM1System:
    """Implements `ablations.system.System` on `mm1`."""

    schema_version = 1
    indifferent = ("training.checkpoint_every",)

    def __init__(self) -> None:
        from mm1.data.manifest import manifest

        self._manifest = lru_cache(manifest)
        self._stages: dict[bytes, Stage | None] = {}

    def scales(self) -> list[str]:
        """Names of the recipes."""
        return sorted(RECIPES)

    def resolve(self, overrides: Mapping[str, Any], scale: str) -> dict[str, Any]:
        """Recipe + dotted overrides -> the full configuration."""
        from mm1.config import Experiment

        nested: dict[str, Any] = {}
        for name, value in {**RECIPES[scale], **overrides}.items():
            _place(nested, name, value)
        try:
            return Experiment.model_validate(nested).resolved()
        except ValidationError as error:
            raise _field_error(error) from None

    def identity(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """What is configured, upstream stages, versions of world, stages and evaluation; which files are read."""
        from mm1.data.world.build import EPOCH
        from mm1.versions import CODE_EPOCH, EVALUATION

        stages = {stage.name: stage.id for stage in self.stages(config)}
        about = {"world": EPOCH, "code": CODE_EPOCH, "evaluation": EVALUATION}
        return {
            "config": _without(config, self.indifferent),
            "stages": stages,
            **about,
            **self._files(config),
        }

    def _files(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Manifests of what is read from disk; nothing for a world, which its seed and epoch decide."""
        data = config["data"]
        paths = {name: source["path"] for name, source in data["sources"].items()}
        paths |= {"benchmarks": data["benchmarks"]} if data["benchmarks"] else {}
        return {"files": {name: self._manifest(path) for name, path in paths.items()}} if paths else {}

    def stages(self, config: Mapping[str, Any]) -> list[Stage]:
        """The encoder and the language model a cell starts from."""
        from mm1.stages import encoder_stage, language_stage

        found = [
            self._stage("encoder", encoder_stage, config),
            self._stage("language", language_stage, config),
        ]
        return [stage for stage in found if stage is not None]

    def _stage(self, name: str, address_of: Callable[..., Any], config: Mapping[str, Any]) -> Stage | None:
        """The stage behind a section; a large sweep asks for the same few stages again and again."""
        key = marshal.dumps([name, config[name]], 2)
        if key not in self._stages:
            address = address_of(config)
            seconds = _stage_seconds(name, address[1]) if address else 0.0
            self._stages[key] = Stage(name, address[0], address[1], seconds=seconds) if address else None
        return self._stages[key]

    def stage_ready(self, stage: Stage, folder: Path) -> bool:
        """Whether the weights lie in `folder` or in the zoo."""
        from mm1.stages import weights

        return weights(stage.id, folder) is not None

    def run_stage(self, stage: Stage, context: Context) -> None:
        """Train an encoder or a language model."""
        from mm1.checkpoint import Stopped
        from mm1.stages import train_encoder, train_language

        train = {"encoder": train_encoder, "language": train_language}[stage.name]
        _one_thread()
        try:
            train(stage.config, context.folder, context.report, context.should_stop)
        except Stopped as stop:
            raise Interrupted(str(stop)) from None

    def run_cell(self, config: Mapping[str, Any], context: Context) -> Outcome:
        """Train and evaluate one cell."""
        from mm1 import cell
        from mm1.checkpoint import Stopped
        from mm1.config import Experiment
        from mm1.data.loader import CorruptData
        from mm1.stages import weights
        from mm1.training import NonFiniteLoss

        _one_thread()
        starts = {name: weights(folder.name, folder) for name, folder in context.stages.items()}
        try:
            result = cell.run(
                Experiment.model_validate(dict(config)),
                context.folder,
                context.folder.parent,
                {name: path for name, path in starts.items() if path is not None},
                context.report,
                context.should_stop,
            )
        except Stopped as stop:
            raise Interrupted(str(stop)) from None
        except (NonFiniteLoss, CorruptData) as reason:
            raise CellFailed(str(reason)) from None
        return Outcome(result.metrics, result.facts, result.artifacts, result.datasets)

    def seconds(self, config: Mapping[str, Any]) -> float:
        """Steps on one of two busy cores at micro scale, and evaluation; 0, unknown, where models are bought in."""
        encoder, training = config["encoder"], config["training"]
        if encoder["pretrained"] or config["language"]["pretrained"]:
            return 0.0
        patches = (encoder["resolution"] / encoder["patch"]) ** 2
        sequences = training["sequences"] * training["sequence_length"] / 256
        step = _SECONDS_PER_STEP + sequences * (_SECONDS_PER_SEQUENCE + _SECONDS_PER_PATCH * patches)
        return _SECONDS_PER_CELL + training["steps"] * step


def _stage_seconds(name: str, config: Mapping[str, Any]) -> float:
    """A guess for one core, from the size of the part relative to the micro recipe's."""
    plan, size = config["pretraining"], config["depth"] * config["width"] ** 2
    if name == "language":
        return plan["steps"] * plan["batch"] * (5e-3 + 1.05e-2 * size / (3 * 96**2))
    patches = (config["resolution"] / config["patch"]) ** 2
    return plan["steps"] * plan["batch"] * (2.9e-4 + 3.8e-5 * patches * size / (4 * 64**2))


def system() -> MM1System:
    """The system under study of every shipped study."""
    return MM1System()


def _one_thread() -> None:
    """One thread for one cell and one cell for one core beats several threads for a cell (docs/performance.md)."""
    import os

    import datasets
    import torch

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", 1)))
    datasets.disable_progress_bars()


def _without(config: Mapping[str, Any], fields: Collection[str]) -> dict[str, Any]:
    """The configuration less some fields of its sections."""
    kept = dict(config)
    for field in fields:
        section, _, name = field.partition(".")
        kept[section] = {key: value for key, value in kept[section].items() if key != name}
    return kept


def _place(nested: dict[str, Any], name: str, value: Any) -> None:
    *parents, leaf = name.split(".")
    for parent in parents:
        nested = nested.setdefault(parent, {})
        if not isinstance(nested, dict):
            raise FieldError(name, f"'{parent}' holds a single value and has no fields")
    if isinstance(value, dict) and isinstance(nested.get(leaf), dict) and leaf not in ("mix",):
        value = {**nested[leaf], **value}
    nested[leaf] = value


def _field_error(error: ValidationError) -> FieldError:
    """pydantic's first complaint as a dotted field with what is allowed."""
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        return FieldError(field, "no such field", allowed=_fields_beside(first["loc"]))
    allowed: list[str] = []
    if first["type"] == "literal_error":
        allowed = [part.strip(" '") for part in str(first["ctx"]["expected"]).replace(" or ", ",").split(",")]
    value = first["input"] if not isinstance(first["input"], dict) else None
    if (
        ":" in message and message.partition(":")[0].isidentifier()
    ):  # a rule over several fields names its own
        name, _, message = message.partition(": ")
        field = f"{field}.{name}" if field else name
    return FieldError(field, message, value=value, allowed=allowed)


def _fields_beside(location: tuple[int | str, ...]) -> list[str]:
    from mm1.config import Experiment

    model: Any = Experiment
    prefix = []
    for part in location[:-1]:
        model = model.model_fields[part].annotation if hasattr(model, "model_fields") else None
        prefix.append(str(part))
    names = getattr(model, "model_fields", None) or {}
    return [".".join([*prefix, name]) for name in names]
