"""How commands are found: an unknown name is answered with the known ones, `data` is imported when used."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from ablations import studies
from ablations.errors import UserError, closest


class Root(TyperGroup):
    """The commands; a name that is none of them is answered with the studies there are."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            known = studies.names()
            others = [name for name in self.commands if name not in known]
            raise UserError(
                f"unknown study or command '{args[0]}'.{closest(args[0], self.commands)}\n"
                f"  studies   {', '.join(known)}\n"
                f"  commands  {', '.join(others)}"
            )
        return super().resolve_command(ctx, args)


class Data(TyperGroup):
    """The commands of `ablate data`, imported when they are used."""

    def _app(self) -> Any:
        from ablations.studies.data import app as data

        return typer.main.get_command(data)

    def list_commands(self, ctx: Any) -> list[str]:
        return self._app().list_commands(ctx)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return self._app().get_command(ctx, cmd_name)
