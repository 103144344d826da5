"""Site profiles: launch settings of a cluster, `~/.config/ablate/profiles/NAME.yaml`, chosen with `--profile NAME`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ablations import yaml_lines
from ablations.errors import FieldError
from ablations.launch_settings import check


def folder() -> Path:
    """Where profiles lie; `XDG_CONFIG_HOME` moves it."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "ablate" / "profiles"


def read(name: str) -> dict[str, Any]:
    """The settings of a profile.

    Raises:
        SweepError: no such profile, or a setting that is wrong, with file, line and field.
    """
    lines = yaml_lines.load(folder() / f"{name}.yaml")
    for field, value in lines.data.items():
        try:
            check(field, value)
        except FieldError as error:
            raise lines.error(error.describe(), field) from None
    return lines.data
