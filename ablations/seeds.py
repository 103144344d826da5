"""Seeds as people write them: `0-2`, `0-2,5`, `[0, 1, 2]`."""

from __future__ import annotations

import re
from typing import Any

_RANGE = re.compile(r"(\d+)(?:-(\d+))?")
_MOST = 10_000


def parse(value: Any) -> list[int]:
    """The seeds in the order they were written, each once.

    Raises:
        ValueError: anything but whole numbers from 0 in a list or a text like `0-2,5`; a bare number, which
            could mean one seed or that many.
    """
    if isinstance(value, str):
        seeds = [seed for part in value.split(",") for seed in _range(part.strip())]
    elif isinstance(value, list):
        seeds = [_single(seed) for seed in value]
    elif isinstance(value, int) and not isinstance(value, bool):
        raise ValueError(
            f"could mean seed {value} or {value} seeds; write [{value}] or 0-{max(value - 1, 0)}"
        )
    else:
        raise ValueError("must be a list like [0, 1, 2] or a text like 0-2 or 0-2,5")
    if not seeds:
        raise ValueError("names no seed; write a list like [0, 1, 2] or a text like 0-2")
    return list(dict.fromkeys(seeds))


def _range(part: str) -> range:
    match = _RANGE.fullmatch(part)
    if not match:
        raise ValueError(f"'{part}' is no seed and no range; write whole numbers from 0, like 0-2,5")
    first, last = int(match[1]), int(match[2] or match[1])
    if last < first:
        raise ValueError(f"the range {part} runs backwards; write {last}-{first}")
    if last - first >= _MOST:
        raise ValueError(f"the range {part} holds more than {_MOST} seeds")
    return range(first, last + 1)


def _single(seed: Any) -> int:
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise ValueError(f"{seed!r} is no seed; write whole numbers from 0")
    return seed
