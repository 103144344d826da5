"""One short file per ablation: the only place where harness and model meet."""

from __future__ import annotations

from collections.abc import Collection
from importlib import import_module
from importlib.metadata import entry_points

from ablations.errors import UserError, closest
from ablations.study import Study

STUDIES = {
    "encoder-resolution": "ablations.studies.encoder_resolution:STUDY",
    "encoder-objective": "ablations.studies.encoder_objective:STUDY",
    "encoder-size": "ablations.studies.encoder_size:STUDY",
    "encoder-data": "ablations.studies.encoder_data:STUDY",
    "connector": "ablations.studies.connector:STUDY",
    "data-mix": "ablations.studies.data_mix:STUDY",
    "text-only": "ablations.studies.text_only:STUDY",
    "image-text-ratio": "ablations.studies.image_text_ratio:STUDY",
    "synthetic-captions": "ablations.studies.synthetic_captions:STUDY",
    "lr-scaling": "ablations.studies.lr_scaling:STUDY",
    "moe": "ablations.studies.moe:STUDY",
    "unfreezing": "ablations.studies.unfreezing:STUDY",
}
"""Study name -> where it is declared. Other packages add theirs by the entry-point group `ablate.studies`."""


def names() -> list[str]:
    """Every known study, sorted."""
    return sorted({*STUDIES, *(point.name for point in entry_points(group="ablate.studies"))})


def in_order(found: Collection[str]) -> list[str]:
    """Studies in the paper's order; those of other packages follow by name."""
    known = [name for name in STUDIES if name in found]
    return [*known, *sorted({*found} - {*known})]


def target(name: str) -> str:
    """Where a study is declared (`module:attribute`); an unknown name is a UserError that lists the known ones."""
    targets = {point.name: point.value for point in entry_points(group="ablate.studies")} | STUDIES
    if name not in targets:
        raise UserError(f"unknown study '{name}'; known: {', '.join(names())}.{closest(name, names())}")
    return targets[name]


def get(name: str) -> Study:
    """The study called `name`."""
    module, _, attribute = target(name).partition(":")
    return getattr(import_module(module), attribute)
