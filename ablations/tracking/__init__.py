"""The only place that talks to MLflow: experiment = study, parent run = sweep, child run = cell."""

from ablations.tracking.archive import pack, restore
from ablations.tracking.links import link_cells
from ablations.tracking.read import (
    CellRun,
    SweepRun,
    cells,
    cells_beginning,
    finished,
    history,
    predictions,
    sweeps,
)
from ablations.tracking.store import (
    default_uri,
    exists,
    is_passing,
    is_refusal,
    is_trouble,
    probe,
    sqlite_file,
    with_login,
)
from ablations.tracking.write import (
    begin_cell,
    begin_sweep,
    end_sweep,
    fail_cell,
    finish_cell,
    log_steps,
    parameter,
    parsed,
    prune_cell,
    reap,
)

__all__ = [
    "CellRun",
    "SweepRun",
    "absolute",
    "begin_cell",
    "begin_sweep",
    "cells",
    "cells_beginning",
    "default_uri",
    "end_sweep",
    "exists",
    "fail_cell",
    "finish_cell",
    "finished",
    "history",
    "is_passing",
    "is_refusal",
    "is_trouble",
    "link_cells",
    "log_steps",
    "pack",
    "parameter",
    "parsed",
    "predictions",
    "probe",
    "prune_cell",
    "reap",
    "restore",
    "sqlite_file",
    "sweeps",
    "with_login",
]
