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
        elapsed: seconds from the first cell's start to the last one's end.
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
        elapsed=times["end"].max() - times["start"].min(),
        versions=_merged([results.versions for results in found]),
        studies=studies,
    )


def _merged(versions: Sequence[Mapping[str, list[str]]]) -> dict[str, list[str]]:
    names = sorted({name for one in versions for name in one})
    return {name: sorted({value for one in versions for value in one.get(name, [])}) for name in names}
