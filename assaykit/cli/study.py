"""`assaykit check`, `init`, `drugs` and `schema`: a study before anything is measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from assaykit.cli.rehearsal import Rehearsal
    from assaykit.errors import InputError
    from assaykit.study import Study
    from assaykit.tables import Finding

MOST_ALIKE = 5  # findings of one check of a plate that are all shown
StudyPath = Annotated[Path, typer.Argument(help="The study file, e.g. study.toml.", show_default=False)]
Protocols = Annotated[
    list[str] | None, typer.Option("--protocol", "-p", help="A protocol; may be given again. See `assaykit protocols`.")
]


def check_study(
    study: StudyPath,
    plates: Annotated[bool, typer.Option(help="Draw the plates.")] = True,
    design: Annotated[bool, typer.Option(help="Say what the design can and cannot answer.")] = True,
) -> None:
    """Check a study without measuring: every fault at once, the plates, and what the design can answer."""
    from assaykit.cli.console import plain_console
    from assaykit.cli.headers import header_findings
    from assaykit.cli.rehearsal import rehearse
    from assaykit.errors import Faults, InputError
    from assaykit.study import missing_files, read_study

    console = plain_console(wrap=False)
    try:
        parsed = read_study(study)
        rehearsal = rehearse(parsed) if design else None
    except (Faults, InputError) as error:
        _show_faults(error.errors if isinstance(error, Faults) else [error], console)
        raise typer.Exit(2) from None
    findings = (*parsed.findings, *missing_files(parsed), *header_findings(parsed))
    console.print(parsed.title, style="bold", end="")
    console.print(f": {_extent(parsed)}")
    if plates:
        _show_plates(parsed, console)
    if rehearsal is not None:
        _show_design(parsed, rehearsal, console)
    _show_findings(findings, console)
    raise typer.Exit(int(any(finding.level == "fail" for finding in findings)))


def init(
    folder: Annotated[
        Path | None, typer.Argument(help="A new folder for the study; named after --from where left out.")
    ] = None,
    protocol: Protocols = None,
    plate: Annotated[int, typer.Option(help="Wells of the plate: 6, 12, 24, 48, 96, 384 or 1536.")] = 96,
    experiments: Annotated[int, typer.Option(min=1, help="Independent experiments, or donors.")] = 5,
    unit: Annotated[str, typer.Option(help="What is independent: experiment or donor.")] = "experiment",
    counts: Annotated[bool, typer.Option(help="A table of counts instead of plates with FCS files.")] = False,
    source: Annotated[
        list[Path] | None,
        typer.Option(
            "--from",
            help="What you have: exported tables of statistics (.xlsx, .csv; may be given again), or a FlowJo workspace"
            " (.wsp).",
        ),
    ] = None,
    sample: Annotated[str, typer.Option(help="The sample of a workspace whose gates are meant.")] = "",
    group: Annotated[str, typer.Option(help="The group of a workspace whose samples are meant.")] = "",
) -> None:
    """Write a commented study with layouts in XLSX, ready to fill in; or one begun from what you have."""
    from assaykit.cli.template import Plan, write_template
    from assaykit.errors import StudyError

    if source:
        _begin(folder or Path(source[0].stem), source, protocol or [], unit=unit, sample=sample, group=group)
        return
    if folder is None:
        raise StudyError("a new study must have a folder", "none", "", "write assaykit init my_study")
    plan = Plan(tuple(protocol or ("cxcr4_surface",)), plate, experiments, unit, counts)
    for path in write_template(folder, plan):
        typer.echo(f"written: {path}")
    typer.echo(
        f"Fill in the layouts, put the FCS files into their folders, then: assaykit check {folder / 'study.toml'}"
    )


def _begin(folder: Path, source: list[Path], protocol: list[str], *, unit: str, sample: str, group: str) -> None:
    """Begin a study from tables or a workspace, and say what is written and what is still to be told."""
    from assaykit.cli.begin import begin_from_tables, begin_from_workspace
    from assaykit.errors import StudyError

    workspaces = [path for path in source if path.suffix.casefold() == ".wsp"]
    if workspaces and (len(source) > 1 or protocol):
        must = "a workspace must stand alone: its gates are the protocol"
        raise StudyError(must, ", ".join((*protocol, *(path.name for path in source))), "--from", "name one workspace")
    if (sample or group) and not workspaces:
        raise StudyError("--sample and --group must stand with a workspace", "none", "--from", "leave them out")
    begun = (
        begin_from_workspace(folder, workspaces[0], unit=unit, sample=sample, group=group)
        if workspaces
        else begin_from_tables(folder, source, protocol, unit=unit)
    )
    for path in begun.files:
        typer.echo(f"written: {path}")
    typer.echo(begun.told)
    for question in begun.open_questions:
        typer.echo(f"to do: {question}")
    typer.echo(f"Look at every line of what is written, then: assaykit check {folder / 'study.toml'}")


def drugs(
    catalogue: Annotated[
        Path | None, typer.Option("--catalogue", help="A catalogue of yours, over the shipped one.")
    ] = None,
    name: Annotated[str, typer.Argument(help="One drug, by any of its names, in full.")] = "",
) -> None:
    """List the drugs a layout may name, with synonyms, range in culture and interferences."""
    from rich.table import Table

    from assaykit.cli.console import plain_console
    from assaykit.errors import TreatmentError
    from assaykit.treatment import read_drugs

    known = read_drugs(catalogue)
    console = plain_console()
    if name:
        drug = known.find(name)
        if drug is None:
            near = known.nearest(name)
            raise TreatmentError("a drug must be in the catalogue", f"'{name}'", "", f"write '{near}'" if near else "")
        for key, value in drug.described().items():
            console.print(f"{key:>12}  {value}", soft_wrap=True)
        return
    table = Table(show_edge=False)
    for heading in ("drug", "class", "target", "range in culture", "also called", "disturbs"):
        table.add_column(heading)
    for drug in known.drugs:
        told = drug.described()
        table.add_row(*(told.get(key, "") for key in ("name", "class", "target", "range", "synonyms", "disturbs")))
    console.print(table)


def schema(
    kind: Annotated[str, typer.Argument(help="study, protocol or drugs.")] = "study",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="A file; the screen where left out.")] = None,
) -> None:
    """Write the JSON Schema of a file, so that an editor completes and checks it."""
    from assaykit.cli.template import schema_text

    text = schema_text(kind)
    if out is None:
        typer.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")


def _show_faults(faults: Sequence[InputError], console: Console) -> None:
    noun = "fault" if len(faults) == 1 else "faults"
    console.print(f"{len(faults)} {noun}", style="bold red", end="")
    console.print("; nothing can be measured before they are mended:")
    for number, fault in enumerate(faults, start=1):
        console.print(f"{number:>3}. {fault}")


def _extent(study: Study) -> str:
    parts = []
    for assay in study.assays:
        plates = (*assay.plates, *assay.counts)
        parts.append(f"{assay.name} ({len(plates)} plates, {sum(len(plate.wells) for plate in plates)} wells)")
    return ", ".join(parts)


def _show_plates(study: Study, console: Console) -> None:
    from assaykit.cli.platemap import legend, plate_drawing
    from assaykit.study import sample_wells

    for assay in study.assays:
        if not assay.plates:
            continue
        treatments = sorted(
            {str(well.factors["treatment"]) for _, well in sample_wells(assay)},
            key=lambda text: (text != study.reference.treatment, text),
        )
        for plate in assay.plates:
            console.print(f"\n{plate.name}", style="bold", end="")
            console.print(f" ({assay.name})")
            console.print(plate_drawing(plate, treatments), end="")
        console.print(legend(treatments, assay.plates))


def _show_design(study: Study, rehearsal: Rehearsal, console: Console) -> None:
    from assaykit.cli.design_report import arms_table, claim_lines, contrast_lines, control_lines

    for assay in study.assays:
        console.print()
        console.print(arms_table(assay, study))
        for line in (*control_lines(assay), *contrast_lines(assay, rehearsal)):
            console.print(line)
    console.print()
    for line in claim_lines(rehearsal):
        console.print(line)


def _show_findings(findings: Sequence[Finding], console: Console) -> None:
    styles = {"fail": "bold red", "warn": "yellow", "note": "dim"}
    console.print(f"\nfindings: {len(findings) or 'none'}")
    alike = Counter((finding.level, finding.check, finding.plate) for finding in findings)
    told: Counter[tuple[str, str, str]] = Counter()
    for finding in findings:
        kind = finding.level, finding.check, finding.plate
        told[kind] += 1
        if finding.well and alike[kind] > MOST_ALIKE and told[kind] > 3:  # a folder that is not there is not 96 lines
            if told[kind] == alike[kind]:
                wells = [other.well for other in findings if (other.level, other.check, other.plate) == kind]
                console.print(f"     and {alike[kind] - 3} more such of {finding.plate}: {', '.join(wells[3:])}")
            continue
        place = " ".join(filter(None, (finding.plate, finding.well)))
        console.print(finding.level, style=styles[finding.level], end="")
        console.print(f" {place}{': ' if place else ''}{finding.message}")
