"""Complete the zoo: the pre-trained parts that the shipped sweeps start from. Remove its manifest to rebuild it all.

python -m mm1.zoo.build [--work runs/stages] [--jobs 2]
"""

from __future__ import annotations

import argparse
import json
import shutil
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from mm1.config import Experiment
from mm1.stages import METRICS, WEIGHTS, ZOO, encoder_stage, language_stage, train_encoder, train_language

MANIFEST = ZOO / "manifest.json"
SEEDS, RESOLUTIONS = range(5), (16, 24, 32, 48)
EXPERTS = {"type": "qwen3-moe", "width": 64, "depth": 4}
VARIATIONS: tuple[tuple[range, dict[str, Any]], ...] = (
    (range(3), {"encoder": {"resolution": 32, "pretraining": {"objective": "autoregressive"}}}),
    (range(5), {"encoder": {"resolution": 32, "width": 32, "depth": 3}}),
    (range(5), {"encoder": {"resolution": 32, "pretraining": {"synthetic_share": 0.0}}}),
    (range(1), {"language": {"width": 32, "depth": 2}}),
    (range(1), {"language": {"width": 64, "depth": 2}}),
    (range(1), {"language": {**EXPERTS, "experts": {"count": 0}}}),
    (range(1), {"language": {**EXPERTS, "experts": {"count": 8, "every": 2}}}),
    (range(1), {"language": {**EXPERTS, "experts": {"count": 8, "every": 4}}}),
)
"""What the studies of `sweeps/mm1.yaml` change of the base recipe's parts, and the seeds of their encoders.

A language model is the same for every seed.
"""


def parts() -> dict[str, tuple[str, dict[str, Any]]]:
    """Stage id -> (kind, configuration) of everything the zoo keeps: the base's parts, and their variations."""
    wanted = [{"seed": seed, "encoder": {"resolution": size}} for seed in SEEDS for size in RESOLUTIONS]
    wanted += [{"seed": seed, **variation} for seeds, variation in VARIATIONS for seed in seeds]
    found = {}
    for overrides in wanted:
        config = Experiment(**overrides).resolved()
        for kind, stage in (("encoder", encoder_stage(config)), ("language", language_stage(config))):
            if stage is not None:
                found[stage[0]] = (kind, stage[1])
    return dict(sorted(found.items(), key=lambda item: -item[1][1].get("resolution", 100)))


def train(stage_id: str, kind: str, config: dict[str, Any], work: Path) -> str:
    """Train one part in `work/<stage id>` unless it lies there already."""
    import torch

    torch.set_num_threads(1)
    folder = work / stage_id
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / WEIGHTS).exists():
        run = {"encoder": train_encoder, "language": train_language}[kind]
        run(config, folder, lambda *_, **__: None, lambda: False)
    return stage_id


def main() -> None:
    """Train every part that the manifest lacks, copy its weights here and list it; drop what is no longer wanted."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, default=Path("runs/stages"))
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    wanted = parts()
    kept = json.loads(MANIFEST.read_text()) if MANIFEST.exists() else {}
    missing = {key: what for key, what in wanted.items() if key not in kept}
    with ProcessPoolExecutor(arguments.jobs, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(train, key, *what, arguments.work) for key, what in missing.items()]
        for future in futures:
            print("trained", future.result(), flush=True)
    for key, (kind, config) in missing.items():
        shutil.copy(arguments.work / key / WEIGHTS, ZOO / f"{key}.safetensors")
        metrics = json.loads((arguments.work / key / METRICS).read_text())
        kept[key] = {"kind": kind, "config": config, "metrics": metrics, "rebuild": "python -m mm1.zoo.build"}
    for key in kept.keys() - wanted.keys():
        (ZOO / f"{key}.safetensors").unlink()
        del kept[key]
    MANIFEST.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
