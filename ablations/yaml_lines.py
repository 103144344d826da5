"""YAML with line numbers, by PyYAML's safe loader: plain JSON data only, duplicate keys refused."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import yaml

from ablations.errors import SweepError

Where = tuple[str, ...]
"""Keys and list positions that lead to a value: `("axes", "encoder.resolution", "2")`."""


class _Loader(yaml.SafeLoader):
    """Safe YAML, with `1e-3` a number (YAML 1.1 reads text) and `2026-01-01` text (it reads a date)."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


class Lines:
    """A parsed document, and the line and value of each key and list entry."""

    def __init__(self, file: str, data: Any, lines: dict[Where, int]) -> None:
        self.file, self.data, self.lines = file, data, lines

    def at(self, *path: str) -> int | None:
        """The line of a key, or of its nearest known parent."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)

    def value(self, *path: str) -> Any:
        """What stands at a path; None for one that is not in the data, such as below a merge key `<<`."""
        found = self.data
        for step in path:
            if isinstance(found, list):
                found = found[int(step)]
            else:
                found = found.get(step) if isinstance(found, dict) else None
        return found

    def error(self, message: str, *path: str) -> SweepError:
        """A SweepError at a key."""
        return SweepError(self.file, self.at(*path), message)


def load(path: Path) -> Lines:
    """Read a file. Missing, unreadable, malformed or non-mapping files raise SweepError."""
    try:
        lines = parse(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        near = sorted(str(file) for file in path.parent.glob("*.y*ml")) if path.parent.is_dir() else []
        hint = f" Beside it: {', '.join(near)}." if near else ""
        raise SweepError(str(path), None, f"no such file.{hint}") from None
    except OSError as error:
        raise SweepError(str(path), None, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise SweepError(str(path), None, f"is not text: byte {error.start} is not UTF-8") from None
    if not isinstance(lines.data, dict):
        message = "a sweep is a mapping with keys such as `axes` and `seeds`; this file is not"
        raise SweepError(str(path), 1, message)
    return lines


def parse(text: str, file: str) -> Lines:
    """Parse YAML text; `file` is what errors call it.

    Raises:
        SweepError: no YAML; a key that stands twice; a value that is no plain data (a tag, a number that is
            not finite, a list that contains itself).
    """
    try:
        node = yaml.compose(text, Loader=_Loader)
        lines: dict[Where, int] = {}
        _walk(node, (), lines, file, ())
        data = _Loader("").construct_document(node) if node else None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        raise SweepError(file, mark.line + 1 if mark else None, f"YAML syntax: {problem}") from None
    except (ValueError, RecursionError) as error:
        raise SweepError(file, None, f"YAML value: {error}") from None
    _place_merged(data, (), lines)
    document = Lines(file, data, lines)
    _check_plain(document, data, ())
    return document


def _walk(
    node: yaml.Node | None, path: Where, lines: dict[Where, int], file: str, above: tuple[yaml.Node, ...]
) -> None:
    if node in above:
        raise SweepError(file, node.start_mark.line + 1, "this value contains itself")
    if isinstance(node, yaml.SequenceNode):
        for place, child in enumerate(node.value):
            lines[(*path, str(place))] = child.start_mark.line + 1
            _walk(child, (*path, str(place)), lines, file, (*above, node))
    elif isinstance(node, yaml.MappingNode):
        for key, child in node.value:
            here, line = (*path, str(key.value)), key.start_mark.line + 1
            if here in lines:
                raise SweepError(file, line, f"'{key.value}' stands twice (first on line {lines[here]})")
            lines[here] = line
            _walk(child, here, lines, file, (*above, node))


def _place_merged(value: Any, path: Where, lines: dict[Where, int]) -> None:
    """What a merge key `<<` brought in has the line of its parent."""
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        here = (*path, str(key))
        lines.setdefault(here, lines.get(path, 1))
        _place_merged(child, here, lines)


def _check_plain(document: Lines, value: Any, path: Where) -> None:
    if isinstance(value, dict):
        for key, child in value.items():
            if not isinstance(key, str):
                raise document.error(f"the key {key!r} is not text; put it in quotes", *path, str(key))
            _check_plain(document, child, (*path, key))
    elif isinstance(value, list):
        for place, child in enumerate(value):
            _check_plain(document, child, (*path, str(place)))
    elif isinstance(value, float) and not math.isfinite(value):
        raise document.error(f"{'.'.join(path)}: {value} is not a finite number", *path)
    elif not isinstance(value, str | int | float | None):
        kind = type(value).__name__
        message = f"{'.'.join(path)}: a {kind} is no plain value; write text, a number, a list or a mapping"
        raise document.error(message, *path)
