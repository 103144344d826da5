"""Few-shot evaluation against a naive loop: one item at a time, images encoded for every prompt, `generate`.

python -m benchmarks.fewshot
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import torch

from benchmarks.common import interleave, report, seconds, world
from mm1.cell import assemble
from mm1.config import Evaluation, Experiment
from mm1.data.images import decode
from mm1.evaluation.benchmarks import read
from mm1.evaluation.evaluate import evaluate
from mm1.evaluation.prompts import few_shot
from mm1.language.tokenizer import load_tokenizer
from mm1.model import MultimodalLM
from mm1.stages import encoder_stage, language_stage, weights

_ITEMS, _REPEATS = 32, 3
_BENCHMARKS = ("captions", "general", "sign-reading")


def main() -> None:
    """Measure and print the ratio; both see the same model, items, prompts and stop rule."""
    config = Experiment(connector={"type": "average-pool"}, evaluation={"items": _ITEMS})
    tokenizer = load_tokenizer(config.language)
    resolved = config.resolved()
    stages = {"encoder": encoder_stage(resolved), "language": language_stage(resolved)}
    found = {name: weights(stage[0], Path("runs/stages") / stage[0]) for name, stage in stages.items()}
    model = assemble(config, tokenizer, {name: path for name, path in found.items() if path}).eval()
    folder = _some(world() / "benchmarks")
    times = interleave(
        lambda: seconds(
            lambda: evaluate(model, tokenizer, folder, config.evaluation, config.encoder.resolution)
        ),
        lambda: seconds(
            lambda: naive(model, tokenizer, folder, config.evaluation, config.encoder.resolution)
        ),
        _REPEATS,
    )
    report("evaluation", "s", *times, more_is_better=False)


def naive(model: MultimodalLM, tokenizer, folder: Path, config: Evaluation, resolution: int) -> list[str]:
    """What one writes first."""
    said = []
    image_id, stop = model.image_token_id, tokenizer.convert_tokens_to_ids(config.prompts.stop)
    with torch.inference_mode():
        for benchmark in read(folder, config.items):
            for k in config.shots:
                for row in benchmark.test:
                    text, shots = few_shot(
                        row, benchmark.shots, benchmark.task, k, config.prompts, config.seed
                    )
                    shown = [*(benchmark.shots[i] for i in shots), row]
                    pixels = np.stack([decode(other["image"]["bytes"], resolution) for other in shown])
                    ids = np.array(
                        [tokenizer.bos_token_id, *tokenizer(text, add_special_tokens=False)["input_ids"]]
                    )
                    ids = torch.from_numpy(np.repeat(ids, np.where(ids == image_id, model.image_tokens, 1)))[
                        None
                    ]
                    embeddings = model.embed(ids, model.encode_images(torch.from_numpy(pixels)))
                    out = model.language.generate(
                        inputs_embeds=embeddings,
                        attention_mask=torch.ones_like(ids),
                        max_new_tokens=config.decoding.max_tokens,
                        do_sample=False,
                        eos_token_id=[tokenizer.eos_token_id, stop],
                        pad_token_id=tokenizer.pad_token_id,
                    )
                    said.append(tokenizer.decode(out[0], skip_special_tokens=True))
    return said


def _some(benchmarks: Path) -> Path:
    """Three of the benchmarks: the naive loop takes minutes on all."""
    chosen = benchmarks.parent / "some-benchmarks"
    for name in _BENCHMARKS:
        shutil.copytree(benchmarks / name, chosen / name, dirs_exist_ok=True)
    return chosen


if __name__ == "__main__":
    main()
