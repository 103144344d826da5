"""A document: text and images in reading order."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded image (PNG, JPEG, ...), as it lies on disk."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Document:
    """Text and images in reading order. `group` names what its author keeps constant (a dialect), if known."""

    parts: tuple[str | Picture, ...]
    group: str | None = None

    @property
    def pictures(self) -> list[bytes]:
        """The encoded images in order."""
        return [part.data for part in self.parts if isinstance(part, Picture)]

    @property
    def text(self) -> str:
        """The text with `<image>` where the images stand, and nowhere else."""
        return " ".join(
            part.replace("<image>", " ") if isinstance(part, str) else "<image>" for part in self.parts
        )
