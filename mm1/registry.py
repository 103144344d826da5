"""Names to parts. A part is registered by target so that listing names never imports torch."""

from __future__ import annotations

import difflib
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any


class UnknownName(LookupError):
    """A name that is in no registry of its kind; carries the known names and the closest one."""

    def __init__(self, kind: str, name: str, known: list[str]) -> None:
        self.kind, self.name, self.known = kind, name, known
        self.closest = next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.4)), None)
        hint = f" Did you mean '{self.closest}'?" if self.closest else ""
        super().__init__(f"unknown {kind} '{name}'; known: {', '.join(known)}.{hint}")


class Registry:
    """Exact names to objects; targets are objects or `"module:attribute"` strings, imported on first use.

    Other packages add names through the entry-point group `mm1.<plural kind>`.

    Example:
        >>> shapes = Registry("shape", group="mm1.shapes")
        >>> shapes.register("round", "math:pi")
        >>> shapes.get("round")
        3.141592653589793
    """

    def __init__(self, kind: str, group: str) -> None:
        self.kind, self.group = kind, group
        self._targets: dict[str, Any] = {}
        self._scanned = False

    def register(self, name: str, target: Any) -> None:
        """Bind `name`; a name that is taken raises ValueError."""
        if name in self._targets:
            raise ValueError(f"{self.kind} '{name}' is already registered ({self._targets[name]})")
        self._targets[name] = target

    def names(self) -> list[str]:
        """Every known name, sorted."""
        self._scan()
        return sorted(self._targets)

    def check(self, name: str) -> str:
        """Return `name`, or raise UnknownName."""
        if name not in self.names():
            raise UnknownName(self.kind, name, self.names())
        return name

    def get(self, name: str) -> Any:
        """The object behind `name`, imported now if it was registered by target."""
        target = self._targets[self.check(name)]
        if isinstance(target, str):
            module, _, attribute = target.partition(":")
            target = self._targets[name] = getattr(import_module(module), attribute)
        return target

    def _scan(self) -> None:
        if not self._scanned:
            self._scanned = True
            for point in entry_points(group=self.group):
                self.register(point.name, point.value)
