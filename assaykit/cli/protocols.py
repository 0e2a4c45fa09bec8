"""`assaykit protocols` and `assaykit endpoints`: what there is to choose from."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table

from assaykit.endpoints import CRITERIA, ENDPOINTS
from assaykit.protocol import Protocol, protocol_method, protocol_names, read_protocol


def protocols(
    name: Annotated[str, typer.Argument(help="A protocol's name or file, to see what it holds.")] = "",
    method: Annotated[bool, typer.Option("--method", help="Show the bench method of a shipped protocol.")] = False,
) -> None:
    """List the shipped protocols, or show one of them."""
    console = Console()
    if not name:
        console.print(_all_protocols())
        console.print("Show one: assaykit protocols NAME; its bench method: assaykit protocols NAME --method")
        return
    protocol = read_protocol(name)
    if method:
        console.print(Markdown(protocol_method(name) or f"{name} has no bench method beside it."))
        return
    console.print(f"[bold]{protocol.name}[/bold]: {protocol.title}")
    for table in (_channels(protocol), _endpoints_of(protocol), _analyses(protocol), _acceptance(protocol)):
        console.print(table)


def endpoints(name: Annotated[str, typer.Argument(help="An endpoint, to see all about it.")] = "") -> None:
    """List the endpoints, or show all about one."""
    console = Console()
    if not name:
        console.print(_all_endpoints())
        return
    if name not in ENDPOINTS:
        raise typer.BadParameter(f"no endpoint is called {name!r}; list them with 'assaykit endpoints'")
    endpoint = ENDPOINTS[name]
    rows = {
        "meaning": endpoint.meaning,
        "formula": endpoint.formula,
        "unit": endpoint.unit,
        "analysed on": endpoint.scale,
        "formed per": endpoint.level,
        "needs": ", ".join(endpoint.needs),
        "source": endpoint.source,
    }
    table = Table(title=name, show_header=False)
    for key, value in rows.items():
        table.add_row(key, value, style=None)
    console.print(table)


def _all_protocols() -> Table:
    table = Table("protocol", "title", "endpoints")
    for name in protocol_names():
        protocol = read_protocol(name)
        table.add_row(name, protocol.title, ", ".join(spec.measured_as for spec in protocol.endpoints))
    return table


def _all_endpoints() -> Table:
    table = Table("endpoint", "meaning", "formula", "unit", "scale", "per")
    for name, endpoint in ENDPOINTS.items():
        table.add_row(name, endpoint.meaning, endpoint.formula, endpoint.unit, endpoint.scale, endpoint.level)
    return table


def _channels(protocol: Protocol) -> Table:
    table = Table("channel role", "marker", "clone", "looked for as", "needed")
    for role, channel in protocol.channels.items():
        needed = "yes" if channel.required else "no"
        table.add_row(role, channel.marker, channel.clone, ", ".join(channel.names) or "named by the study", needed)
    return table


def _endpoints_of(protocol: Protocol) -> Table:
    table = Table("endpoint", "meaning", "formula", "unit")
    for spec in protocol.endpoints:
        endpoint = ENDPOINTS[spec.endpoint]
        table.add_row(spec.measured_as, endpoint.meaning, endpoint.formula, endpoint.unit)
    return table


def _analyses(protocol: Protocol) -> Table:
    table = Table("analysis", "scale", "contrasts", "no effect within", "primary")
    for analysis in protocol.analyses:
        within = "" if analysis.equivalence is None else f"±{analysis.equivalence:g}"
        contrasts = ", ".join((*analysis.families, *(contrast.name for contrast in analysis.contrasts)))
        table.add_row(analysis.name, analysis.scale, contrasts, within, "yes" if analysis.primary else "")
    return table


def _acceptance(protocol: Protocol) -> Table:
    table = Table("criterion", "limit", "else", "because")
    for criterion in protocol.acceptance:
        check = CRITERIA[criterion.check]
        fate = f"{criterion.level}{', left out' if criterion.drop else ''}"
        table.add_row(criterion.check, f"{check.passes} {criterion.limit:g} {check.unit}", fate, check.meaning)
    return table
