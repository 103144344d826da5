"""Claims that were declared otherwise, or not yet, when some of the cells that are shown were run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ablations.tracking import SweepRun

_TESTED = ("kind", "metric", "left", "right", "margin", "alpha")


def revisions(claim: Mapping[str, Any], sweeps: Sequence[SweepRun]) -> list[str]:
    """A sentence for each sweep that was declared with another version of the claim, or without it."""
    found: dict[str, None] = {}
    for sweep in sweeps:
        earlier = sweep.declaration.get("earlier_claims", [])
        for claims in (*earlier, sweep.declaration["study"]["claims"]):
            found |= dict.fromkeys(_revision(claim, claims, sweep.name))
    return [*found]


def _revision(claim: Mapping[str, Any], claims: Sequence[Mapping[str, Any]], sweep: str) -> list[str]:
    before = next((other for other in claims if other["name"] == claim["name"]), None)
    if before is None:
        return [f"declared only after the sweep '{sweep}' was"]
    changed = [name for name in _TESTED if before.get(name) != claim.get(name)]
    was = ", ".join(f"{name} {before.get(name)} (now {claim.get(name)})" for name in changed)
    return [f"declared otherwise with the sweep '{sweep}': {was}"] if changed else []
