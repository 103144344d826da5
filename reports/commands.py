"""What the reports do for the command line, which finds this module as the entry point `reports`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from ablations.advice import State
from ablations.errors import UserError
from ablations.part import Part
from reports import build, frame
from reports.terminal import print_ranking, print_results

__all__ = ["print_ranking", "print_results", "report", "state"]


def report(names: Sequence[str], out: Path, tracking_uri: str, as_json: bool) -> None:
    """Rebuild the reports of some studies (none named: all that have runs) from MLflow alone."""
    if as_json:
        print(json.dumps(build.as_json(names or None, tracking_uri), indent=2, allow_nan=False))
    else:
        written = build.build(names or None, out, tracking_uri)
        print(f"{written[0]} and {len(written) - 1} tables, figures and data beside it")


def state(part: Part, tracking_uri: str) -> State:
    """How far a study is: its verdicts and the seeds under them, if it has finished cells at this scale."""
    try:
        results = frame.read(part.study.name, tracking_uri, [cell.id for cell in part.cells])
    except UserError:  # it has no finished cell
        return State(part)
    same = results.scale == part.sweep.scale
    return State(part, results.verdicts, results.seeds) if same else State(part)
