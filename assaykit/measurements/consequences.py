"""From findings to what they make of every value: `flags_from_findings(assay, findings) -> Flags`.

finding -> its consequence (assaykit.checks) -> the wells it concerns -> the endpoints that read what it names

This is the one place where a finding meets a value. What a flag does is done where values are formed (`flags`): an
excluded well serves no reference and no mean, a doubt or a refusal goes with every value that rests on the well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import TypeVar

from assaykit.checks import CHECKS, Check, Located, Place, consequence
from assaykit.endpoints import ENDPOINTS, QcFlag, text
from assaykit.measurements.wells import wells_of
from assaykit.plate import Well
from assaykit.protocol import EndpointSpec, Protocol, combined_populations, gate_channels
from assaykit.study import Assay, ResolvedPlate
from assaykit.tables import Finding

Flags = Mapping[str, Mapping[Place, tuple[QcFlag, ...]]]  # endpoint's name in MEASUREMENTS -> well -> its flags
T = TypeVar("T")

NO_FLAGS: Flags = {}
_UNKNOWN = Check("", "")
_NOTHING = ResolvedPlate()
_GRAVITY = ("kept", "doubtful", "not_interpretable", "excluded")


@dataclass(frozen=True, slots=True)
class _ReachedWell:
    """A sample well that a finding reaches, through what it reads: everything where nothing is named."""

    place: Place
    context: str
    channel: str = ""
    population: str = ""
    needs: str = ""  # a readout the endpoint must need


def flags_from_findings(assay: Assay, findings: Iterable[Finding], located: Iterable[Located] = ()) -> Flags:
    """Return what the findings make of the assay's values, the gravest flag of a well first.

    A finding of another assay's plate reaches nothing here; one that names no plate reaches every sample well.
    """
    samples = {(plate.name, well.name): well for plate, well in wells_of(assay) if well.role == "sample"}
    others = {(plate.name, well.name): well for plate, well in wells_of(assay) if well.role != "sample"}
    reads = _reader(assay.protocol)
    found: dict[str, dict[Place, dict[QcFlag, None]]] = defaultdict(lambda: defaultdict(dict))

    def put(finding: Finding, reached: Iterable[_ReachedWell]) -> None:
        made, check = consequence(finding), CHECKS.get(finding.check, _UNKNOWN)
        if made == "kept":
            return
        flag = QcFlag(made, finding.level, finding.check, f"{finding.message.rstrip('.')} ({finding.check})")
        for reach in reached:
            for spec in assay.protocol.endpoints:
                here = not check.contexts or reach.context in check.contexts
                if here and reads(spec, reach.channel, reach.population, reach.needs, check):
                    found[spec.measured_as][reach.place][flag] = None

    for finding in findings:
        put(finding, _reached(assay, finding, samples, others))
    for one in located:
        each = (replace(one.finding, plate=plate, well=well) for plate, well in one.places)
        put(one.finding, [reach for finding in each for reach in _reached(assay, finding, samples, others)])
    return {
        name: {
            place: tuple(sorted(flags, key=lambda flag: _GRAVITY.index(flag.consequence), reverse=True))
            for place, flags in places.items()
        }
        for name, places in found.items()
    }


def members_of_emptied_arms(arms: Iterable[Collection[T]], leaving: Collection[T]) -> frozenset[T]:
    """Return the members of arms of which nothing would be left once `leaving` is taken out.

    >>> sorted(members_of_emptied_arms([{"A1", "A2"}, {"B1", "B2"}], {"A1", "B1", "B2"}))
    ['B1', 'B2']
    """
    gone = frozenset(leaving)
    return frozenset(member for arm in arms if arm and gone.issuperset(arm) for member in arm)


def _reached(
    assay: Assay, finding: Finding, samples: Mapping[Place, Well], others: Mapping[Place, Well]
) -> Iterator[_ReachedWell]:
    """Yield the sample wells a finding concerns: its own, those of its plate, or those that a control serves."""
    place = finding.plate, finding.well
    if finding.well and place in others:
        yield from _through_control(assay, finding, others[place], samples)
        return
    for each, well in samples.items():
        if (not finding.plate or each[0] == finding.plate) and (not finding.well or each == place):
            yield _ReachedWell(each, text(well.factors.get("context", "")), finding.channel, finding.population)


def _through_control(
    assay: Assay, finding: Finding, control: Well, samples: Mapping[Place, Well]
) -> Iterator[_ReachedWell]:
    """Yield the wells a control serves, through the channel it serves them in."""
    resolved = assay.resolved.get(finding.plate, _NOTHING)
    here = {
        place: text(well.factors.get("context", "")) for place, well in samples.items() if place[0] == finding.plate
    }
    if control.role == "beads":
        yield from (_ReachedWell(place, context, finding.channel, needs="receptors") for place, context in here.items())
    elif control.role == "single_stain" and assay.protocol.compensation == "single_stain":
        yield from (_ReachedWell(place, context, finding.channel) for place, context in here.items())
    elif control.role == "dead":
        dyes = [gate.channel for gate in assay.protocol.gates if gate.kind == "viability"]
        yield from (_ReachedWell(place, context, dye) for dye in dyes for place, context in here.items())
    for channel, serves in resolved.serves.items():
        for place, context in here.items():
            serving = resolved.controls.get(serves.get(place[1], ""))
            if serving is not None and control.name in serving.wells:
                yield _ReachedWell(place, context, channel)


def _reader(protocol: Protocol) -> Callable[[EndpointSpec, str, str, str, Check], bool]:
    """Return whether an endpoint reads a channel and a population (empty: any), for a check."""
    gates = {gate.name: gate for gate in protocol.gates}

    @cache
    def upward(population: str) -> frozenset[str]:
        """Return a population with all it is drawn on."""
        gate = gates.get(population)
        if gate is None:
            return frozenset({population})
        above = (gate.parent, *combined_populations(gate))
        return frozenset({population}).union(*(upward(name) for name in above if name != population))

    @cache
    def read(name: str) -> tuple[frozenset[str], frozenset[str]]:
        """Return the channels and the populations an endpoint is formed from."""
        spec = next(each for each in protocol.endpoints if each.measured_as == name)
        own = {r.population for r in protocol.readouts if spec.channel and r.channel == spec.channel}
        own |= set(spec.populations.values())
        own = own or {readout.population for readout in protocol.readouts}
        if "percent_positive" in ENDPOINTS[spec.endpoint].needs:
            own |= {gate.name for gate in protocol.gates if gate.kind == "fmo" and gate.channel == spec.channel}
        populations = frozenset[str]().union(*(upward(population) for population in own))
        drawn = {role for population in populations & gates.keys() for role in gate_channels(gates[population])}
        return frozenset({spec.channel, *drawn} - {""}), populations

    def reads(spec: EndpointSpec, channel: str, population: str, needs: str, check: Check) -> bool:
        endpoint = ENDPOINTS[spec.endpoint]
        channels, populations = read(spec.measured_as)
        match check.about:
            case "statistics" if endpoint.counted:
                return False
            case "bead_counts" if "beads" not in spec.populations:
                return False
        return (
            (not channel or channel in channels)
            and (not population or population in populations or check.about == "bead_counts")
            and (not needs or needs in endpoint.needs)
        )

    return reads
