"""The one console of every command: it takes no markup, so that an assay called [/] is printed as it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def plain_console(*, stderr: bool = False, wrap: bool = True) -> Console:
    """Return a console that prints text as it stands; styles are given beside it, never within it.

    Lines are as long as they are unless `wrap` asks for the terminal's width.
    """
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=not wrap, markup=False, emoji=False)
