"""`ablate data`: export the micro world to field formats, look into any source."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mm1.data.sources import DocumentSource

_ENDINGS = {".tar": "webdataset", ".parquet": "obelics", ".jsonl": "jsonl"}

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.command()
def export(
    out: Annotated[Path, typer.Argument(help="Folder to write; it must be new or empty.")],
    runs: Annotated[Path, typer.Option(help="Where worlds are kept.", envvar="ABLATE_RUNS")] = Path("runs"),
    rows: Annotated[int | None, typer.Option(min=1, help="Documents of each source; all by default.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The world's seed.")] = 0,
) -> None:
    """Write the world in field formats (WebDataset, Parquet, OBELICS, JSONL), with a sweep that trains on them.

    Example: ablate data export exported && ablate encoder-resolution --grid exported/res.yaml
    """
    from ablations.errors import UserError
    from ablations.preflight import check_writable

    check_writable(out, "the output folder", "OUT")
    if out.exists() and not (out.is_dir() and next(out.iterdir(), None) is None):
        raise UserError(f"{out} exists and is not an empty folder; choose another OUT or remove it")
    check_writable(runs, "the runs folder")
    from mm1.config import World
    from mm1.data.export import export_world
    from mm1.data.world.build import ensure

    for path in export_world(ensure(World(seed=seed), runs / "worlds"), out, rows):
        print(path)


@app.command()
def inspect(
    path: Annotated[str, typer.Argument(help="A folder or file pattern, or captions / interleaved / text.")],
    format: Annotated[
        str | None, typer.Option(help="A reader's name; by the file's ending if left out (name MMC4).")
    ] = None,
    runs: Annotated[Path, typer.Option(help="Where worlds are kept.", envvar="ABLATE_RUNS")] = Path("runs"),
    out: Annotated[Path, typer.Option(help="Where the contact sheet goes.")] = Path("inspect.png"),
) -> None:
    """Show a source: how many documents and images, how long, a contact sheet, one document in full.

    Example: ablate data inspect 'exported/captions/*.tar'
    """
    from ablations.preflight import check_writable

    check_writable(out.parent, "the folder of the contact sheet", "--out")
    from mm1.config import World
    from mm1.data.inspect import inspect_source
    from mm1.data.sources import world_sources
    from mm1.data.world.build import ensure

    if path in ("captions", "interleaved", "text"):
        source = world_sources(ensure(World(), runs / "worlds"))[path]
    else:
        source = _open(path, format or _ENDINGS.get(Path(path).suffix, "arrow"))
    out.parent.mkdir(parents=True, exist_ok=True)
    print(inspect_source(source, out))


def _open(path: str, format: str) -> DocumentSource:
    from pydantic import ValidationError

    from ablations.errors import UserError
    from mm1.config import Source
    from mm1.data.sources import open_source

    try:
        return open_source(Source(format=format, path=path))
    except ValidationError as error:
        raise UserError(f"--format {format}: {error.errors()[0]['msg']}") from None
    except ValueError as error:
        raise UserError(str(error)) from None
