"""Rebuild the zoo: the pre-trained parts that the shipped sweeps start from.

python -m mm1.zoo.build [--seeds 0 1 2] [--resolutions 16 24 32 48] [--work runs/stages] [--jobs 2]
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


def parts(seeds: list[int], resolutions: list[int]) -> dict[str, tuple[str, dict[str, Any]]]:
    """Stage id -> (kind, configuration) of everything the zoo keeps."""
    found = {}
    for seed in seeds:
        for resolution in resolutions:
            config = Experiment(seed=seed, encoder={"resolution": resolution}).resolved()
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
    """Train every part that is missing, then copy the weights here and write the manifest."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--resolutions", type=int, nargs="+", default=[16, 24, 32, 48])
    parser.add_argument("--work", type=Path, default=Path("runs/stages"))
    parser.add_argument("--out", type=Path, default=ZOO)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    wanted = parts(arguments.seeds, arguments.resolutions)
    with ProcessPoolExecutor(arguments.jobs, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(train, key, *what, arguments.work) for key, what in wanted.items()]
        for future in futures:
            print("trained", future.result(), flush=True)
    manifest = {}
    for key, (kind, config) in wanted.items():
        shutil.copy(arguments.work / key / WEIGHTS, arguments.out / f"{key}.safetensors")
        metrics = json.loads((arguments.work / key / METRICS).read_text())
        manifest[key] = {
            "kind": kind,
            "config": config,
            "metrics": metrics,
            "rebuild": "python -m mm1.zoo.build",
        }
    (arguments.out / "manifest.json").write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
