"""What the runs of a store come to: reports, the ranking, what would settle more, packing and restoring."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from ablations import lanes, preflight, studies, suite, tracking
from ablations.commands import reporting
from ablations.commands.sweeps import given
from ablations.errors import UserError


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
    if not as_json:
        preflight.check_writable(out, "the report's folder", option="--out")
    reporting.installed().report(names, out, tracking_uri, as_json)


def ranking(tracking_uri: str) -> None:
    """Rank the factors of all studies that have runs."""
    preflight.check_tracking(tracking_uri)
    if not tracking.exists(tracking_uri):
        raise UserError(f"there is no tracking store at {tracking_uri}; run studies first")
    reporting.installed().print_ranking(tracking_uri, Console())


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
    state = reporting.installed().state
    states = [state(part, tracking_uri) for part in {part.study.name: part for part in parts}.values()]
    ids = {cell.id for s in states for o in advice.options(s) for cell in (*o.part.cells, *s.part.cells)}
    durations = {run.cell_id: run.seconds for run in tracking.finished(tracking_uri, sorted(ids))}
    team = lanes.workers(settings)
    steps = advice.choose(states, seconds, team, runs / "stages", durations)
    advice_view.show(states, steps, seconds, team, Console(), _elsewhere(runs, tracking_uri))


def _elsewhere(runs: Path, tracking_uri: str) -> list[str]:
    """The options that lead to this folder and store, where they are not the usual ones."""
    found = [] if runs == Path("runs") else ["--runs", str(runs)]
    usual = tracking.absolute(tracking_uri) == tracking.default_uri()
    return found if usual else [*found, "--tracking-uri", tracking_uri]


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
