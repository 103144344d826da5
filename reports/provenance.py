"""Where a page comes from: how much work, when, on which machine, by which code; and what its studies share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from reports.frame import Results


@dataclass(frozen=True)
class Provenance:
    """What all studies of a page have in common.

    Attributes:
        cells: finished cells, each counted once.
        seconds: their work; stages that were trained for them are not in it.
        elapsed: seconds in which any cell was at work; the nights between two sittings are not in it.
        versions: commits, package versions and machines, each with the values found.
        studies: cell id -> the studies of the page that have it.
    """

    cells: int
    seconds: float
    elapsed: float
    versions: Mapping[str, list[str]]
    studies: Mapping[str, list[str]]

    @property
    def machines(self) -> list[str]:
        """`AMD EPYC, 2 cores`, for every pair of processor and core count that occurs."""
        cores = "/".join(self.versions.get("machine.cores", []))
        names = self.versions.get("machine.processor", [])
        return [f"{name}, {cores} cores" if cores else name for name in names]

    def shared(self, study: str) -> dict[str, int]:
        """How many of a study's cells each other study has too, most first."""
        found: dict[str, int] = {}
        for names in self.studies.values():
            for name in names if study in names else ():
                found[name] = found.get(name, 0) + (name != study)
        return dict(sorted(((n, c) for n, c in found.items() if c), key=lambda pair: (-pair[1], pair[0])))


def provenance(found: Sequence[Results]) -> Provenance:
    """Over all studies of a page. `found` has at least one."""
    studies: dict[str, list[str]] = {}
    for results in found:
        for cell_id in results.cells["cell_id"]:
            studies.setdefault(cell_id, []).append(results.study["name"])
    times = pd.concat([results.cells[["cell_id", "minutes", "start", "end"]] for results in found])
    times = times.drop_duplicates("cell_id")
    return Provenance(
        cells=len(times),
        seconds=60 * times["minutes"].sum(),
        elapsed=_covered(times),
        versions=_merged([results.versions for results in found]),
        studies=studies,
    )


def _covered(times: pd.DataFrame) -> float:
    """Seconds covered by the cells' work. A cell that was interrupted counts as if done at once, before its end."""
    begun = times[["start"]].assign(worked=times["end"] - 60 * times["minutes"]).max(axis=1)
    total, until = 0.0, float("-inf")
    for start, end in sorted(zip(begun, times["end"], strict=True)):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total


def _merged(versions: Sequence[Mapping[str, list[str]]]) -> dict[str, list[str]]:
    names = sorted({name for one in versions for name in one})
    return {name: sorted({value for one in versions for value in one.get(name, [])}) for name in names}
