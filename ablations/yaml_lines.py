"""YAML with line numbers, by PyYAML's safe loader: plain data only, duplicate keys refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from ablations.errors import SweepError

Path_ = tuple[str, ...]


class Lines:
    """A parsed document and where each key stands."""

    def __init__(self, file: str, data: Any, lines: dict[Path_, int]) -> None:
        self.file, self.data, self.lines = file, data, lines

    def at(self, *path: str) -> int | None:
        """The line of a key, or of its nearest known parent."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)

    def error(self, message: str, *path: str) -> SweepError:
        """A SweepError at a key."""
        return SweepError(self.file, self.at(*path), message)


def load(path: Path) -> Lines:
    """Read a file. Missing, unreadable, malformed or non-mapping files raise SweepError."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        near = sorted(str(file) for file in path.parent.glob("*.y*ml")) if path.parent.is_dir() else []
        hint = f" Beside it: {', '.join(near)}." if near else ""
        raise SweepError(str(path), None, f"no such file.{hint}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SweepError(str(path), None, f"cannot be read: {error}") from None
    return parse(text, str(path))


def parse(text: str, file: str) -> Lines:
    """Parse YAML text; see `load`."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        raise SweepError(file, mark.line + 1 if mark else None, f"YAML syntax: {problem}") from None
    except (ValueError, RecursionError) as error:
        raise SweepError(file, None, f"YAML value: {error}") from None
    if not isinstance(data, dict):
        raise SweepError(file, 1, "a sweep is a mapping with keys such as `axes` and `seeds`; this file is not")
    lines: dict[Path_, int] = {}
    _walk(node, (), lines, file)
    return Lines(file, data, lines)


def _walk(node: yaml.Node, path: Path_, lines: dict[Path_, int], file: str) -> None:
    if isinstance(node, yaml.SequenceNode):
        for place, child in enumerate(node.value):
            lines[(*path, str(place))] = child.start_mark.line + 1
            _walk(child, (*path, str(place)), lines, file)
    if not isinstance(node, yaml.MappingNode):
        return
    for key, child in node.value:
        here, line = (*path, str(key.value)), key.start_mark.line + 1
        if here in lines:
            raise SweepError(file, line, f"'{key.value}' stands twice (first on line {lines[here]})")
        lines[here] = line
        _walk(child, here, lines, file)
