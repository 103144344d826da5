"""`ablate`: one subcommand per study and one for suites, and those about plans, runs, reports and this machine."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from ablations import cli_options as options
from ablations import studies
from ablations.cli_groups import Data, Root
from ablations.errors import UserError
from ablations.secrets import hidden

app = typer.Typer(
    cls=Root,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Ablation studies of multimodal LLMs: one YAML file, one command, an answer with its uncertainty.",
    epilog="Example: ablate encoder-resolution --grid sweeps/res.yaml --seeds 0-4",
)
app.add_typer(
    typer.Typer(),
    cls=Data,
    name="data",
    help="Export the micro world; look into any data source.",
    epilog="Example: ablate data --help",
)


def main() -> None:
    """Entry point. Bad input: one screen on standard error, exit code 2. Ctrl-C: 130."""
    try:
        app(prog_name="ablate")
    except UserError as error:
        from rich.console import Console
        from rich.text import Text

        message = Text.assemble(("error: ", "bold red"), hidden(str(error)))
        Console(stderr=True).print(message, soft_wrap=True, highlight=False)
        sys.exit(error.exit_code)
    except Exception:
        print(hidden(traceback.format_exc()), file=sys.stderr, end="")
        sys.exit(1)


def _run_command(name: str, help: str, epilog: str) -> None:
    """Register the subcommand that runs one study, or a suite of them, without importing any."""

    @app.command(name, help=help, epilog=epilog, rich_help_panel="Studies")
    def command(
        grid: options.Grid,
        seeds: options.Seeds = None,
        scale: options.Scale = None,
        set_: options.Set = None,
        only: options.Only = None,
        executor: options.Executor = None,
        profile: options.Profile = None,
        workers: options.Workers = None,
        runs: options.Runs = Path("runs"),
        tracking_uri: options.Tracking = options.STORE,
        dry_run: options.DryRun = False,
    ) -> None:
        from ablations.commands import sweeps

        launch = sweeps.settings(profile, executor=executor, workers=workers)
        order = sweeps.Order(name, grid, seeds, scale, set_ or [], launch, runs, tracking_uri, only or [])
        raise typer.Exit(sweeps.plan(order, as_json=False) if dry_run else sweeps.run(order))


for _name in studies.names():
    _run_command(
        _name,
        help=f"Run the {_name} study: what is left of a sweep, then its table and verdicts.",
        epilog=f"Example: ablate {_name} --grid sweeps/res.yaml --seeds 0-4 --workers 2",
    )
_run_command(
    "all",
    help="Run a suite of studies as one plan: what several of them need is trained once.",
    epilog="Example: ablate all --grid sweeps/mm1.yaml --dry-run",
)


@app.command(epilog="Example: ablate ranking", rich_help_panel="Studies")
def ranking(tracking_uri: options.Tracking = options.STORE) -> None:
    """Rank the choices by what they move, over the cells of all studies; trains nothing."""
    from ablations.commands import results

    results.ranking(tracking_uri)


@app.command("list", epilog="Example: ablate list")
def list_studies() -> None:
    """List the studies: their questions, axes and claims."""
    from ablations.commands import browse

    browse.list_studies()


@app.command(epilog="Example: ablate plan encoder-resolution --grid sweeps/res.yaml --json")
def plan(
    study: Annotated[str, options.STUDY],
    grid: options.Grid,
    seeds: options.Seeds = None,
    scale: options.Scale = None,
    set_: options.Set = None,
    only: options.Only = None,
    executor: options.Executor = None,
    profile: options.Profile = None,
    workers: options.Workers = None,
    runs: options.Runs = Path("runs"),
    tracking_uri: options.Tracking = options.STORE,
    as_json: options.Json = False,
) -> None:
    """Print what a sweep (`all`: a suite) comes to: cells, reused, shared stages, time. Starts nothing."""
    from ablations.commands import sweeps

    launch = sweeps.settings(profile, executor=executor, workers=workers)
    order = sweeps.Order(study, grid, seeds, scale, set_ or [], launch, runs, tracking_uri, only or [])
    raise typer.Exit(sweeps.plan(order, as_json))


@app.command(epilog="Example: ablate status --runs runs")
def status(runs: options.Runs = Path("runs")) -> None:
    """Show what runs now, what is done and what failed."""
    from ablations.commands import browse

    raise typer.Exit(browse.status(runs))


@app.command(epilog="Example: ablate cancel 3f2a")
def cancel(
    sweep: Annotated[
        str, typer.Argument(help="Id of a sweep as `ablate status` shows it, or its start.")
    ] = "",
    runs: options.Runs = Path("runs"),
) -> None:
    """Cancel a sweep: the jobs it started and nothing else. Its cells go on from their checkpoints later."""
    from ablations.commands import sweeps

    sweeps.cancel(sweep, runs)


@app.command(epilog="Example: ablate report encoder-resolution --out reports/out")
def report(
    study: Annotated[list[str] | None, options.STUDY] = None,
    out: Annotated[Path, typer.Option(help="Folder for tables, figures and the page.")] = Path("reports/out"),
    tracking_uri: options.Tracking = options.STORE,
    as_json: options.Json = False,
) -> None:
    """Rebuild tables, figures and the page from the MLflow runs; without a study: of all that have runs."""
    from ablations.commands import results

    results.report(study or [], out, tracking_uri, as_json)


@app.command(epilog="Example: ablate ui --port 5000")
def ui(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port on this machine; 0: any that is free.")
    ] = 5000,
    tracking_uri: options.Tracking = options.STORE,
) -> None:
    """Open the MLflow UI on the same store."""
    from ablations.commands import browse

    raise typer.Exit(browse.ui(port, tracking_uri))


@app.command(epilog="Example: ablate logs 7b6df3bff2e3e382 --lines 50")
def logs(
    cell: Annotated[str, typer.Argument(help="Id of a cell or stage, or how it begins.")],
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many, from the end.")] = 50,
    runs: options.Runs = Path("runs"),
) -> None:
    """Print the last log lines of a cell or stage."""
    from ablations.commands import browse

    browse.logs(cell, lines, runs)


@app.command(epilog="Example: ablate why 44b21ff6 0d0baaeb")
def why(
    one: Annotated[str, typer.Argument(metavar="CELL", help="Id of a cell, or how it begins.")],
    other: Annotated[str, typer.Argument(metavar="CELL", help="Another.")],
    runs: options.Runs = Path("runs"),
    tracking_uri: options.Tracking = options.STORE,
) -> None:
    """Print what differs between two cells: settings, stages, facts, versions."""
    from ablations.commands import results

    results.why(one, other, runs, tracking_uri)


@app.command("next", epilog="Example: ablate next --budget 2h")
def next_seeds(
    budget: Annotated[str, typer.Option(help="Time there is: 2h, 90min, 1h30min.", show_default=False)],
    grid: Annotated[Path, typer.Option(help="Suite or sweep.", metavar="FILE.yaml")] = Path(
        "sweeps/mm1.yaml"
    ),
    workers: options.Workers = None,
    runs: options.Runs = Path("runs"),
    tracking_uri: options.Tracking = options.STORE,
) -> None:
    """Say which further seeds, of which cells, would settle the most undecided claims in a given time."""
    from ablations.commands import results

    results.next_seeds(budget, grid, runs, tracking_uri, workers)


@app.command("export-runs", epilog="Example: ablate export-runs mm1.tar.xz --study connector")
def export_runs(
    out: Annotated[Path, typer.Argument(metavar="OUT.tar.xz", help="File to write.")],
    study: Annotated[list[str] | None, typer.Option(help="Only this study; repeatable.")] = None,
    pictures: Annotated[bool, typer.Option(help="With contact sheets, which no report reads.")] = True,
    tracking_uri: options.Tracking = options.STORE,
) -> None:
    """Pack the runs of the store into one file: settings, metrics with their history, artifacts."""
    from ablations.commands import results

    results.export_runs(out, study or [], pictures, tracking_uri)


@app.command("import-runs", epilog="Example: ablate import-runs mm1.tar.xz --tracking-uri sqlite:///other.db")
def import_runs(
    file: Annotated[Path, typer.Argument(metavar="FILE.tar.xz", help="What export-runs wrote.")],
    tracking_uri: options.Tracking = options.STORE,
) -> None:
    """Restore packed runs into a store, so that reports come out the same there."""
    from ablations.commands import results

    results.import_runs(file, tracking_uri)


@app.command(epilog="Example: ablate doctor --tracking-uri http://localhost:5000")
def doctor(runs: options.Runs = Path("runs"), tracking_uri: options.Tracking = options.STORE) -> None:
    """Check this machine: packages, accelerator, runs folder, tracking store, Slurm."""
    from rich.console import Console

    from ablations import doctor

    raise typer.Exit(doctor.run(runs, tracking_uri, Console()))


if __name__ == "__main__":
    main()
