"""The methods section, written from the protocols, the analyses and the provenance of a run; never from memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from assaykit.figures import context_words, endpoint_words, shown
from assaykit.protocol import Protocol
from assaykit.results import Results
from assaykit.study import Assay

REFERENCES = (
    "Moore WA, Parks DR. Update for the logicle data scale. Cytometry A 2012;81:273-277. doi:10.1002/cyto.a.22030",
    "Overton WR. Modified histogram subtraction technique. Cytometry 1988;9:619-626. doi:10.1002/cyto.990090617",
    (
        "Lord SJ et al. SuperPlots: communicating reproducibility and variability in cell biology. J Cell Biol 2020. "
        "doi:10.1083/jcb.202001064"
    ),
    "Wong B. Color blindness. Nat Methods 2011;8:441. doi:10.1038/nmeth.1618",
)
SCALES = {
    "log2": "on the log2 scale; effects are fold changes",
    "log": "on the log scale; effects are ratios of rates",
    "logit": "on the logit scale; effects are odds ratios",
    "identity": "on its own scale; effects are differences",
}


@dataclass(frozen=True, slots=True)
class Section:
    """One section of the methods: a title, paragraphs, and points."""

    title: str
    paragraphs: tuple[str, ...] = ()
    points: tuple[str, ...] = ()


def methods(results: Results) -> tuple[Section, ...]:
    """Return the methods of a run: design, one section per assay, statistics, evidence, software, references."""
    return (
        _design(results),
        *(_assay(assay) for assay in results.study.assays),
        _statistics(results),
        _evidence(results),
        _software(results.provenance),
        Section("References", points=REFERENCES),
    )


def methods_markdown(results: Results) -> str:
    """Return the methods as Markdown."""
    blocks = [f"# Methods: {results.study.title}"]
    for section in methods(results):
        blocks.append(f"## {section.title}")
        blocks.extend(section.paragraphs)
        if section.points:
            blocks.append("\n".join(f"- {point}" for point in section.points))
    return "\n\n".join(blocks) + "\n"


def _design(results: Results) -> Section:
    study, table = results.study, results.tables["measurements"]
    units = table["unit_id"].nunique()
    reference = study.reference
    return Section(
        "Design",
        (
            (
                f"The experimental unit is the {study.unit}; {units} independent {study.unit}s were measured. Wells "
                f"and cells are repeated measurements within each {study.unit} and are never counted as n."
            ),
            (
                f"The reference treatment is {reference.treatment}; every treatment is compared with it within its own "
                f"culture context, and contexts are compared with {context_words(reference.context)}."
            ),
        ),
    )


def _assay(assay: Assay) -> Section:
    protocol = assay.protocol
    wells = sum(len(plate.wells) for plate in assay.plates)
    rows = sum(len(table.wells) for table in assay.counts)
    read = [f"{wells} wells on {len(assay.plates)} plates" if wells else "", f"{rows} rows of counts" if rows else ""]
    intro = f"Protocol {protocol.name} ({protocol.title}); {' and '.join(part for part in read if part) or 'no data'}."
    compensated = () if assay.statistics else (_compensation(protocol),)
    paragraphs = (intro, *_gated_elsewhere(assay), *compensated, *_set_by_hand(assay))
    return Section(f"Assay: {assay.name.replace('_', ' ')}", paragraphs, tuple(_steps(assay)))


def _gated_elsewhere(assay: Assay) -> Iterator[str]:
    """Yield where numbers come from that were not measured here, and what stands behind shares without cells."""
    wells = [well for plate in (*assay.plates, *assay.counts) for well in plate.wells if well.readouts]
    if assay.statistics:
        names = ", ".join(path.name for path in assay.statistics)
        yield f"Cells were gated and compensated in another program; its statistics were read from {names}."
    elif wells:
        yield "Shares of cells were given in percent, without counts."
    uncounted = [well for well in wells if not any(name.endswith("_count") for name in well.readouts)]
    if uncounted and any("percent" in name for well in uncounted for name in well.readouts):
        yield (
            "How many cells stand behind each percentage is not known: a share on the logit scale is its own logit, "
            "without the empirical correction that counts allow, and a share of 0 or 100 % has none and is left out."
        )


def _set_by_hand(assay: Assay) -> Iterator[str]:
    """Yield one paragraph that says what a person set by hand; none where nobody did."""
    gates = {override.gate for override in assay.overrides if override.gate}
    channels = {role for override in assay.overrides for role in override.channels}
    left_out = sum(override.exclude for override in assay.overrides)
    parts = [f"the gate{'s' if len(gates) > 1 else ''} {', '.join(sorted(gates))}" if gates else ""]
    parts += [f"the channel of {', '.join(sorted(channels))}" if channels else ""]
    said = [f"Set by hand on some plates or wells: {' and '.join(filter(None, parts))}." if any(parts) else ""]
    said += [f"Wells or plates left out by hand: {left_out} line{'s' if left_out > 1 else ''}." if left_out else ""]
    if any(said):
        reasons = "; ".join(dict.fromkeys(override.reason for override in assay.overrides))
        yield f"{' '.join(filter(None, said))} Reasons given: {reasons}. The answer without these is given beside."


def _compensation(protocol: Protocol) -> str:
    match protocol.compensation:
        case "file":
            return "Fluorescence was compensated with the spillover matrix stored in each file."
        case "none":
            return "Fluorescence was not compensated, as the protocol declares."
        case "single_stain":
            return "Fluorescence was compensated with a spillover matrix estimated from single-stain wells."
        case "unmix" | "unmix_weighted" as how:
            least = "weighted" if how == "unmix_weighted" else "ordinary"
            return f"Fluorescence was unmixed from every detector by {least} least squares on single-stain spectra."
        case path:
            return f"Fluorescence was compensated with the spillover matrix in {path}."


def _steps(assay: Assay) -> Iterator[str]:
    for gate in () if assay.statistics else assay.protocol.gates:
        rest = gate.model_dump(
            exclude={"name", "parent", "kind", "plausible"}, exclude_none=True, exclude_defaults=False
        )
        detail = ", ".join(
            f"{key.replace('_', ' ')} {_plain(value)}" for key, value in rest.items() if value not in ((), {}, "")
        )
        yield f"Gate {gate.name}: {gate.kind} on {gate.parent}" + (f" ({detail})." if detail else ".")
    for spec in assay.protocol.endpoints:
        name = spec.name or (f"{spec.channel}_{spec.endpoint}" if spec.channel else spec.endpoint)
        yield f"Endpoint {name}: {endpoint_words(name)}."
    for criterion in assay.protocol.acceptance:
        then = "; what fails is left out of the estimates" if criterion.drop else ""
        yield f"Acceptance: {criterion.check.replace('_', ' ')}, limit {criterion.limit:g} ({criterion.level}{then})."


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{key} {_plain(item)}" for key, item in value.items())
    if isinstance(value, (tuple, list)):
        return " to ".join("open" if item is None else _plain(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _statistics(results: Results) -> Section:
    named = {a.name: a for assay in results.study.assays for a in assay.protocol.analyses}
    estimates = results.tables["estimates"]
    points = []
    for analysis, rows in estimates.groupby("analysis", sort=False):
        spec = named.get(str(analysis))
        model = "; ".join(dict.fromkeys(str(m) for m in rows["method"] if m))
        adjust = ", ".join(dict.fromkeys(str(a) for a in rows["adjust"] if a)) or "no"
        adjusted = f"{adjust.title() if adjust != 'bh' else 'Benjamini-Hochberg'} adjustment"
        if spec and spec.equivalence:
            adjusted += f"; equivalence bounds of ±{spec.equivalence:g} on the analysis scale"
        if spec and spec.primary:
            adjusted += "; primary analysis"
        points.append(f"{shown(str(analysis))}: {endpoint_words(str(rows['endpoint'].iloc[0]))}, analysed "
                      f"{SCALES[str(rows['scale'].iloc[0])]}; {model}; {adjusted}.")  # fmt: skip
    return Section(
        "Statistics",
        (
            (
                "All tests are two-sided. Confidence intervals are 95% and not adjusted for multiplicity; p values are "
                "adjusted within each analysis and kind of contrast, as named below. Contrasts marked not "
                "interpretable are given with their numbers and carry no conclusion."
            ),
        ),
        tuple(points),
    )


def _evidence(results: Results) -> Section:
    table = results.tables["comparisons"]
    primary = ", ".join(results.study.primary_claims) or "none"
    return Section(
        "Evidence",
        (
            (
                f"{len(table)} claims of {table['review'].nunique()} reviews were compared by direction with this "
                "study's own estimates. A claim is held to the sign adjudicated from its primary paper; the sign the "
                "review prints is shown beside it. Claims resting on the same primary paper are one piece of evidence. "
                f"Claims named primary before the run: {primary}."
            ),
        ),
    )


def _software(provenance: Mapping[str, Any]) -> Section:
    points = [f"{key}: {value}" for key, value in provenance.items() if isinstance(value, (str, int, float))]
    versions = provenance.get("packages", {})
    if isinstance(versions, Mapping):
        points += [f"{key} {value}" for key, value in versions.items()]
    return Section("Software", ("Versions and seed of this run:",), tuple(points))
