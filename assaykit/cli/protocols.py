"""`assaykit protocols` and `assaykit endpoints`: what there is to choose from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from assaykit.cli.console import plain_console

if TYPE_CHECKING:
    from rich.table import Table

    from assaykit.endpoints import Endpoint
    from assaykit.protocol import Protocol


def protocols(
    name: Annotated[str, typer.Argument(help="A protocol's name or file, to see what it holds.")] = "",
    method: Annotated[bool, typer.Option("--method", help="Show the bench method of a shipped protocol.")] = False,
) -> None:
    """List the shipped protocols, or show one of them."""
    from rich.markdown import Markdown

    from assaykit.errors import raise_all
    from assaykit.measurements import unknown_name_faults
    from assaykit.protocol import protocol_method, read_protocol

    console = plain_console()
    if not name:
        console.print(_all_protocols())
        console.print("Show one: assaykit protocols NAME; its bench method: assaykit protocols NAME --method")
        return
    protocol = read_protocol(name)
    raise_all(unknown_name_faults(protocol))
    if method:
        console.print(Markdown(protocol_method(name) or f"{name} has no bench method beside it."))
        return
    console.print(protocol.name, style="bold", end="")
    console.print(f": {protocol.title}")
    for table in (_channels(protocol), _endpoints_of(protocol), _analyses(protocol), _acceptance(protocol)):
        console.print(table)


def endpoints(name: Annotated[str, typer.Argument(help="An endpoint, to see all about it.")] = "") -> None:
    """List the endpoints, or show all about one."""
    from assaykit.endpoints import endpoint_by_name

    console = plain_console()
    if not name:
        console.print(_all_endpoints())
        return
    endpoint = endpoint_by_name(name)
    rows = {
        "meaning": endpoint.meaning,
        "formula": endpoint.formula,
        "unit": endpoint.unit,
        "analysed on": endpoint.scale,
        "formed per": endpoint.formation.per,
        "held against": endpoint.formation.against,
        "no effect within": _no_effect(endpoint),
        "needs": ", ".join(endpoint.needs),
        "source": endpoint.source,
    }
    table = _table(title=name)
    table.show_header = False
    for key, value in rows.items():
        table.add_row(key, value)
    console.print(table)


def _no_effect(endpoint: Endpoint) -> str:
    """Return the bounds of no effect on the scale it is analysed on, and in its own unit where that says something."""
    from assaykit.endpoints import BOUNDS

    scale = f"±{BOUNDS[endpoint.scale]:.3g} on the {endpoint.scale} scale" if endpoint.scale in BOUNDS else ""
    own = "" if endpoint.bound is None else f"±{endpoint.bound:g} {endpoint.unit} ({endpoint.bound_source})"
    return "; ".join(filter(None, (scale, own)))


def _table(*headers: str, title: str = "") -> Table:
    from rich.table import Table

    return Table(*headers, title=title or None)


def _all_protocols() -> Table:
    from assaykit.protocol import protocol_names, read_protocol

    table = _table("protocol", "title", "endpoints")
    for name in protocol_names():
        protocol = read_protocol(name)
        table.add_row(name, protocol.title, ", ".join(spec.measured_as for spec in protocol.endpoints))
    return table


def _all_endpoints() -> Table:
    from assaykit.endpoints import ENDPOINTS

    table = _table("endpoint", "meaning", "formula", "unit", "scale", "per")
    for name, endpoint in ENDPOINTS.items():
        table.add_row(name, endpoint.meaning, endpoint.formula, endpoint.unit, endpoint.scale, endpoint.formation.per)
    return table


def _channels(protocol: Protocol) -> Table:
    table = _table("channel role", "marker", "clone", "looked for as", "needed")
    for role, channel in protocol.channels.items():
        needed = "yes" if channel.required else "no"
        table.add_row(role, channel.marker, channel.clone, ", ".join(channel.names) or "named by the study", needed)
    return table


def _endpoints_of(protocol: Protocol) -> Table:
    from assaykit.endpoints import endpoint_by_name

    table = _table("endpoint", "meaning", "formula", "unit")
    for spec in protocol.endpoints:
        endpoint = endpoint_by_name(spec.endpoint)
        table.add_row(spec.measured_as, endpoint.meaning, endpoint.formula, endpoint.unit)
    return table


def _analyses(protocol: Protocol) -> Table:
    table = _table("analysis", "scale", "contrasts", "no effect within", "primary")
    for analysis in protocol.analyses:
        within = "" if analysis.equivalence is None else f"±{analysis.equivalence:g}"
        contrasts = ", ".join((*analysis.families, *(contrast.name for contrast in analysis.contrasts)))
        table.add_row(analysis.name, analysis.scale, contrasts, within, "yes" if analysis.primary else "")
    return table


def _acceptance(protocol: Protocol) -> Table:
    from assaykit.measurements import CRITERIA

    table = _table("criterion", "limit", "else", "because")
    for criterion in protocol.acceptance:
        check = CRITERIA[criterion.check]
        fate = f"{criterion.level}{', left out' if criterion.drop else ''}"
        table.add_row(criterion.check, f"{check.passes} {criterion.limit:g} {check.unit}", fate, check.meaning)
    return table
