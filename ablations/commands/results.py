"""What the runs of a store come to: reports, the ranking, what would settle more, packing and restoring."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from ablations import lanes, preflight, studies, suite, tracking
from ablations.commands.sweeps import given
from ablations.errors import UserError
from ablations.part import Part

if TYPE_CHECKING:
    from ablations.advice import State


def report(names: Sequence[str], out: Path, tracking_uri: str, as_json: bool) -> None:
    """Rebuild the reports of some studies (none named: all that have runs) from MLflow alone."""
    for name in names:
        studies.target(name)
    preflight.check_tracking(tracking_uri)
    if not tracking.exists(tracking_uri):
        raise UserError(
            f"there is no tracking store at {tracking_uri}, so there is nothing to report.\n"
            "  run a study first, or name the store with --tracking-uri"
        )
    from reports import build

    if as_json:
        print(json.dumps(build.as_json(names or None, tracking_uri), indent=2))
    else:
        preflight.check_writable(out, "the report's folder", option="--out")
        written = build.build(names or None, out, tracking_uri)
        print(f"{written[0]} and {len(written) - 1} tables, figures and data beside it")


def ranking(tracking_uri: str) -> None:
    """Rank the factors of all studies that have runs."""
    preflight.check_tracking(tracking_uri)
    if not tracking.exists(tracking_uri):
        raise UserError(f"there is no tracking store at {tracking_uri}; run studies first")
    from reports.terminal import print_ranking

    print_ranking(tracking_uri, Console())


def why(one: str, other: str, runs: Path, tracking_uri: str) -> None:
    """Print what differs between two cells."""
    from ablations import why as view

    preflight.check_tracking(tracking_uri)
    view.show(one, other, runs, tracking_uri, Console())


def next_seeds(budget: str, file: Path, runs: Path, tracking_uri: str, workers: int | None) -> None:
    """Print which further seeds would settle the most undecided claims of a suite or sweep."""
    from ablations import advice, advice_view

    seconds = advice.seconds_of(budget)
    parts, settings = suite.read(suite.named(file), file, launch=given(workers=workers))
    preflight.check_tracking(tracking_uri)
    states = [_state(part, tracking_uri) for part in {part.study.name: part for part in parts}.values()]
    ids = {cell.id for s in states for o in advice.options(s) for cell in (*o.part.cells, *s.part.cells)}
    durations = {run.cell_id: run.seconds for run in tracking.finished(tracking_uri, sorted(ids))}
    team = lanes.workers(settings)
    steps = advice.choose(states, seconds, team, runs / "stages", durations)
    advice_view.show(states, steps, seconds, team, Console())


def _state(part: Part, tracking_uri: str) -> State:
    from ablations.advice import State
    from reports import frame

    try:
        results = frame.read(part.study.name, tracking_uri, [cell.id for cell in part.cells])
    except UserError:  # it has no finished cell
        return State(part)
    same = results.scale == part.sweep.scale
    return State(part, results.verdicts, results.seeds) if same else State(part)


def export_runs(out: Path, names: Sequence[str], pictures: bool, tracking_uri: str) -> None:
    """Pack the runs of some studies (none named: of all) into one file."""
    for name in names:
        studies.target(name)
    preflight.check_tracking(tracking_uri)
    preflight.check_writable(out.absolute().parent, "the folder of the file", option="OUT")
    count = tracking.pack(tracking_uri, out, names, pictures=pictures)
    print(f"{out}: {count} runs, {out.stat().st_size / 1e6:.1f} MB")


def import_runs(file: Path, tracking_uri: str) -> None:
    """Restore packed runs into the store."""
    preflight.check_tracking(tracking_uri)
    new, known = tracking.restore(tracking_uri, file)
    print(f"{new} runs restored into {tracking_uri}" + (f"; {known} were there already" if known else ""))
