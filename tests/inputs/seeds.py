"""What the fuzzers start from: a small study of every kind of file, Gating-ML of every kind of gate, a workspace."""

from __future__ import annotations

from pathlib import Path

from openpyxl import Workbook

STUDY = """assaykit = 1
title = "Seeds"
unit = "experiment"
reference = { treatment = "vehicle", context = "mono" }
seed = 1
factors = ["serum"]
drugs = ["drugs.toml"]
claims = ["claims.toml"]
primary = ["LAB-01"]

[[assay]]
protocol = "cxcr4_surface"
plates = ["plates/*.csv", "plates/wells.toml", "plates/book.xlsx"]
fcs = "fcs/{plate}_{well}.fcs"
channels = { cxcr4 = "PE-A" }
clones = { cxcr4 = "12G5" }

[[assay]]
protocol = "mine.toml"
name = "mine"
counts = ["counts.csv"]
"""
DRUGS = """[[drug]]
name = "labomycin"
synonyms = ["LM-1"]
molar_mass = 500.5
range = ["0.1 uM", "5 uM"]
"""
CLAIMS = """assaykit = 1
[reviews]
LAB = "our own"
[[claim]]
id = "LAB-01"
review = "LAB"
statement = "Imatinib lowers adhesion."
kind = "empirical"
sign = -1
family = "lab"
papers = ["jin2008"]
[[claim.test]]
endpoints = ["adhesion"]
kind = "treatment"
treatment = ["class:tki"]
"""
PROTOCOL = """assaykit = 1
name = "mine"
title = "Adhesion of our own"
compensation = "none"
[[endpoint]]
endpoint = "adhesion"
[[analysis]]
name = "adhesion"
endpoint = "adhesion"
scale = "log"
families = ["treatment"]
adjust = "holm"
"""
LAYOUT = """[expt]
experiment = 3
[row.A]
treatment = "vehicle"
[row.B]
treatment = "imatinib 1 uM + plerixafor 10 uM"
[col.'1,2,...,4']
[well.C1]
role = "fmo"
marker = "cxcr4"
[block.2x2.D1]
treatment = "labomycin 0,5 uM"
"""
COUNTS = "experiment,treatment,context,adherent,input\n" + "".join(
    f"{n},{drug},mono,{300 + n},1 000\n" for n in (1, 2, 3) for drug in ("vehicle", "imatinib 1 uM")
)
GRID = (
    "treatment,1,2,3\nA,vehicle,imatinib 1 uM,vehicle\nB,vehicle,vehicle,vehicle\n\n"
    "experiment,1,2,3\nA,1,1,1\nB,1,1,1\n"
)
TIDY = "well;experiment;treatment;serum\nA1;2;vehicle;yes\nA2;2;imatinib 500 nM;no\n"


def write_study(folder: Path) -> list[Path]:
    """Write the study of every kind of file to a folder; return the files a fuzzer may change."""
    files = {
        "study.toml": STUDY,
        "drugs.toml": DRUGS,
        "claims.toml": CLAIMS,
        "mine.toml": PROTOCOL,
        "plates/wells.toml": LAYOUT,
        "plates/grid.csv": GRID,
        "plates/tidy.csv": TIDY,
        "counts.csv": COUNTS,
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    book = Workbook()
    book.active.title = "day4"
    for row in (["well", "experiment", "treatment"], ["A1", 4, "vehicle"], ["A2", 4, "imatinib 1 uM"]):
        book.active.append(row)
    book.save(folder / "plates" / "book.xlsx")
    (folder / "fcs").mkdir(exist_ok=True)
    for plate in ("grid_A1", "grid_A2", "grid_B2", "tidy_A1", "wells_A1", "day4_A1"):
        (folder / "fcs" / f"{plate}.fcs").write_bytes(b"")
    return [*(folder / name for name in files), folder / "plates" / "book.xlsx"]


WORKSPACE = """<?xml version="1.0" encoding="UTF-8"?>
<Workspace version="20.0" flowJoVersion="10.8.1"
 xmlns:gating="http://www.isac-net.org/std/Gating-ML/v2.0/gating"
 xmlns:transforms="http://www.isac-net.org/std/Gating-ML/v2.0/transformations"
 xmlns:data-type="http://www.isac-net.org/std/Gating-ML/v2.0/datatypes">
 <Groups><GroupNode name="All Samples"><Group name="All Samples"><SampleRefs>{references}</SampleRefs></Group>
  </GroupNode>
  <GroupNode name="day 1"><Group name="day 1"><SampleRefs><SampleRef sampleID="1"/></SampleRefs></Group></GroupNode>
 </Groups>
 <SampleList>{samples}</SampleList>
</Workspace>
"""
SAMPLE = """<Sample>
 <DataSet uri="file:/a/{name}" sampleID="{identity}"/>
 <transforms:spilloverMatrix name="acquired" prefix="Comp-" suffix=""{spectral} id="x">
  <data-type:parameters><data-type:parameter data-type:name="FL1"/><data-type:parameter data-type:name="FL2"/>
  </data-type:parameters>
  <transforms:spillover data-type:parameter="FL1"><transforms:coefficient data-type:parameter="FL1"
   transforms:value="1"/><transforms:coefficient data-type:parameter="FL2" transforms:value="0.1"/>
  </transforms:spillover>
  <transforms:spillover data-type:parameter="FL2"><transforms:coefficient data-type:parameter="FL1"
   transforms:value="0.05"/><transforms:coefficient data-type:parameter="FL2" transforms:value="1"/>
  </transforms:spillover>
 </transforms:spilloverMatrix>
 <Transformations>
  <transforms:linear transforms:minRange="0" transforms:maxRange="262144"><data-type:parameter
   data-type:name="FSC"/></transforms:linear>
  <transforms:biex transforms:length="256" transforms:maxRange="262144" transforms:neg="0" transforms:width="-10"
   transforms:pos="4.5"><data-type:parameter data-type:name="FL1"/></transforms:biex>
  <transforms:logicle transforms:length="256" transforms:T="262144" transforms:W="0.5" transforms:M="4.5"
   transforms:A="0"><data-type:parameter data-type:name="FL2"/></transforms:logicle>
 </Transformations>
 <Keywords><Keyword name="$TOT" value="100"/></Keywords>
 <SampleNode name="{name}" sampleID="{identity}" count="2000"><Subpopulations>
  <Population name="cells" owningGroup="" count="{cells}"><Gate gating:id="g1">
   <gating:RectangleGate eventsInside="{within}">
   <gating:dimension gating:min="{low}" gating:max="200000"><data-type:fcs-dimension data-type:name="FSC"/>
   </gating:dimension></gating:RectangleGate></Gate>
   <Subpopulations>
    <Population name="bright" owningGroup="" count="{bright}"><Gate gating:id="g2" gating:parent_id="g1">
     <gating:PolygonGate eventsInside="1">
     <gating:dimension><data-type:fcs-dimension data-type:name="Comp-FL1"/></gating:dimension>
     <gating:dimension><data-type:fcs-dimension data-type:name="Comp-FL2"/></gating:dimension>
     <gating:vertex><gating:coordinate data-type:value="10"/><gating:coordinate data-type:value="10"/></gating:vertex>
     <gating:vertex><gating:coordinate data-type:value="5000"/><gating:coordinate data-type:value="10"/></gating:vertex>
     <gating:vertex><gating:coordinate data-type:value="900"/><gating:coordinate data-type:value="9000"/>
     </gating:vertex>
     </gating:PolygonGate></Gate></Population>
    <NotNode name="dim" owningGroup="" count="-1"><Dependents><Dependent name="cells/bright"/></Dependents></NotNode>
   </Subpopulations>
  </Population></Subpopulations></SampleNode>
</Sample>
"""


def workspace(*lows: int, within: int = 1, spectral: str = ' spectral="0"', cells: int = -1, bright: int = -1) -> str:
    """Return a FlowJo 10 workspace with a sample per number, its rectangle beginning there."""
    samples = (
        SAMPLE.format(
            name=f"s{i}.fcs", identity=i, low=low, within=within, spectral=spectral, cells=cells, bright=bright
        )
        for i, low in enumerate(lows, 1)
    )
    references = "".join(f'<SampleRef sampleID="{i}"/>' for i in range(1, len(lows) + 1))
    return WORKSPACE.format(samples="".join(samples), references=references)
