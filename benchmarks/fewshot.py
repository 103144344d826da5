"""Few-shot evaluation against a naive loop: one item at a time, images encoded for every prompt, `generate`.

python -m benchmarks.fewshot
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from benchmarks.common import interleave, report, seconds, world
from mm1.cell import assemble
from mm1.config import Evaluation, Experiment
from mm1.data.images import decode
from mm1.evaluation.benchmarks import Benchmark, read
from mm1.evaluation.decoding import stop_ids
from mm1.evaluation.evaluate import evaluate
from mm1.evaluation.fewshot import Prompt, prompts_of
from mm1.language.tokenizer import load_tokenizer
from mm1.model import MultimodalLM
from mm1.stages import encoder_stage, language_stage, weights

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

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
    folder, resolution = _some(world() / "benchmarks"), config.encoder.resolution

    ours = evaluate(model, tokenizer, folder, config.evaluation, resolution).predictions
    theirs = pd.DataFrame(naive(model, tokenizer, folder, config.evaluation, resolution))
    both = ours.merge(theirs, on=["item", "shots"], validate="one_to_one")
    same = (both["prediction"] == both["said"]).mean()
    times = interleave(
        lambda: seconds(lambda: evaluate(model, tokenizer, folder, config.evaluation, resolution)),
        lambda: seconds(lambda: list(naive(model, tokenizer, folder, config.evaluation, resolution))),
        _REPEATS,
    )
    report("evaluation", "s", *times, more_is_better=False)
    print(f"  {same:.1%} of {len(both)} answers are the same word for word")


def naive(
    model: MultimodalLM, tokenizer: PreTrainedTokenizerFast, folder: Path, config: Evaluation, resolution: int
) -> Iterator[dict[str, object]]:
    """What one writes first."""
    stops = stop_ids(tokenizer, config.prompts.stop)
    for benchmark in read(folder, config.items):
        for k in config.shots:
            for prompt in prompts_of(model, tokenizer, benchmark, k, config):
                ids = _generate(model, benchmark, prompt, stops, resolution, config, tokenizer.pad_token_id)
                text = tokenizer.decode(ids, skip_special_tokens=True)
                said = text.partition(config.prompts.stop)[0].strip()
                yield {"item": prompt.row["item"], "shots": k, "said": said}


@torch.inference_mode()
def _generate(
    model: MultimodalLM,
    benchmark: Benchmark,
    prompt: Prompt,
    stops: set[int],
    resolution: int,
    config: Evaluation,
    pad: int,
) -> list[int]:
    rows = [*benchmark.test, *benchmark.shots]
    pixels = np.stack([decode(rows[picture]["image"]["bytes"], resolution) for picture in prompt.pictures])
    ids = torch.tensor([prompt.ids])
    out = model.language.generate(
        inputs_embeds=model.embed(ids, model.encode_images(torch.from_numpy(pixels))),
        attention_mask=torch.ones_like(ids),
        max_new_tokens=config.decoding.max_tokens,
        do_sample=False,
        eos_token_id=sorted(stops),
        pad_token_id=pad,
    )
    return out[0].tolist()


def _some(benchmarks: Path) -> Path:
    """Three of the benchmarks: the naive loop takes minutes on all."""
    chosen = benchmarks.parent / "some-benchmarks"
    for name in _BENCHMARKS:
        shutil.copytree(benchmarks / name, chosen / name, dirs_exist_ok=True)
    return chosen


if __name__ == "__main__":
    main()
