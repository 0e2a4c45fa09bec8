"""Synergy of a run: MEASUREMENTS -> effects of single drugs and pairs, unit by unit -> excess over independence.

    effect = 1 - value / reference                    (`lost`, e.g. viable cells)
    effect = (value - reference) / (100 - reference)  (`gained`, percents, e.g. apoptosis; Abbott 1925)

The reference is the mean of the reference treatment in the same unit and context. Bliss and HSA take one dose of
each drug; Loewe and ZIP take a curve of each drug alone, so at least three doses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from assaykit.errors import DesignError
from assaykit.protocol import SynergyAnalysis
from assaykit.stats.dose.series import amount_in, dosed_treatments, middle_unit
from assaykit.stats.dose.synergy import SynergyModel, bliss_excess, hsa_excess, surface_table
from assaykit.stats.units import adjusted_p_values, doubtful_values, doubts_in_words, one_sample_t
from assaykit.study import Assay, Reference
from assaykit.tables import SYNERGY, Finding, frame_from_rows
from assaykit.treatment import UNITS, Catalogue, Treatment

Row = dict[str, Any]
_PAIR = ["first", "second"]
_KEYS = ["unit_id", *_PAIR]


@dataclass(frozen=True, slots=True, eq=False)
class _DrugPair:
    """Two drugs in one context: `effects` has the columns unit_id, first, second (doses), effect, qc, reason."""

    synergy: SynergyAnalysis
    drugs: tuple[str, str]
    units: tuple[str, str]
    context: str
    effects: pd.DataFrame

    @property
    def title(self) -> str:
        """The pair in the words of a finding."""
        return f"synergy {self.synergy.name}, {self.drugs[0]} + {self.drugs[1]} in {self.context}"


def synergy_table(
    measurements: pd.DataFrame, assay: Assay, *, reference: Reference
) -> tuple[pd.DataFrame, list[Finding]]:
    """Return SYNERGY of every synergy the assay's protocol asks for, and what it found."""
    rows: list[Row] = []
    findings: list[Finding] = []
    for synergy in assay.protocol.synergies:
        wells = measurements[(measurements["assay"] == assay.name) & (measurements["endpoint"] == synergy.endpoint)]
        wells = wells[wells["value"].notna()]
        treatments = dosed_treatments(wells, assay.catalogue)
        effects, unusable = _effects(wells, synergy, reference.treatment)
        findings += unusable
        for pair in _drug_pairs(effects, treatments, synergy, catalogue=assay.catalogue, reference=reference.treatment):
            found, notes = _pair_rows(pair)
            rows += [{"assay": assay.name, "synergy": synergy.name, "endpoint": synergy.endpoint} | r for r in found]
            findings += notes
    return frame_from_rows(rows, SYNERGY), findings


def _effects(wells: pd.DataFrame, synergy: SynergyAnalysis, reference: str) -> tuple[pd.DataFrame, list[Finding]]:
    """Return the wells with their `effect`; units without a usable reference are left out, with a finding."""
    keys = ["unit_id", "context"]
    zero = wells[wells["treatment"] == reference].groupby(keys)["value"].mean().rename("zero").reset_index()
    referenced = wells.merge(zero, on=keys, how="left")
    usable = referenced["zero"] > 0 if synergy.effect == "lost" else referenced["zero"] < 100
    lost = referenced.loc[~usable, keys].drop_duplicates()
    findings = []
    if len(lost):
        where = ", ".join(f"{unit} in {context}" for unit, context in lost.itertuples(index=False, name=None))
        message = f"synergy {synergy.name}: no usable {reference} for {where}, so no effect can be told there"
        findings.append(Finding("warn", "synergy_reference_missing", message))
    referenced = referenced[usable]
    zero_values, values = referenced["zero"], referenced["value"]
    loss = 1 - values / zero_values if synergy.effect == "lost" else (values - zero_values) / (100 - zero_values)
    return referenced.assign(effect=loss), findings


def _drug_pairs(
    wells: pd.DataFrame,
    treatments: Mapping[str, Treatment],
    synergy: SynergyAnalysis,
    *,
    catalogue: Catalogue,
    reference: str,
) -> Iterator[_DrugPair]:
    """Yield each pair of drugs given together, context by context, with the wells of the two, their doses and none."""
    asked = {drug.name if (drug := catalogue.find(name)) else name for name in synergy.drugs}
    for pair in dict.fromkeys(one.drugs for one in treatments.values() if len(one.doses) == 2):
        if asked and set(pair) != asked:
            continue
        doses, units = _pair_doses(treatments, (pair[0], pair[1]))
        doses |= {reference: (0.0, 0.0)}
        part = wells[wells["treatment"].isin(doses)]
        both = np.array([doses[text] for text in part["treatment"]]).reshape(-1, 2)
        part = part.assign(first=both[:, 0], second=both[:, 1])
        for context in dict.fromkeys(part.loc[(part["first"] > 0) & (part["second"] > 0), "context"]):
            yield _DrugPair(synergy, (pair[0], pair[1]), units, str(context), part[part["context"] == context])


def _pair_doses(
    treatments: Mapping[str, Treatment], pair: tuple[str, str]
) -> tuple[dict[str, tuple[float, float]], tuple[str, str]]:
    """Return treatment -> (dose of the first drug, dose of the second), and the unit of each.

    Doses in units that cannot be converted to those of the combination, such as ng/mL to uM, are left out.
    """
    given = {
        text: {dose.drug: dose for dose in one.doses}
        for text, one in treatments.items()
        if one.doses and set(one.drugs) <= set(pair)
    }
    together = next(doses for doses in given.values() if len(doses) == 2)
    dimensions = {drug: UNITS[dose.unit].dimension for drug, dose in together.items()}
    alike = {
        text: doses
        for text, doses in given.items()
        if all(UNITS[dose.unit].dimension == dimensions[drug] for drug, dose in doses.items())
    }
    units = [middle_unit(doses[drug] for doses in alike.values() if drug in doses) for drug in pair]
    amounts = {
        text: [amount_in(doses[drug], unit) if drug in doses else 0.0 for drug, unit in zip(pair, units, strict=True)]
        for text, doses in alike.items()
    }
    return {text: (first, second) for text, (first, second) in amounts.items()}, (units[0].name, units[1].name)


def _pair_rows(pair: _DrugPair) -> tuple[list[Row], list[Finding]]:
    """Return the rows of every model, pair by pair and over pairs, and a finding for what is missing."""
    rows: list[Row] = []
    findings: list[Finding] = []
    means = pair.effects.groupby(["unit_id", "first", "second"], sort=False)["effect"].mean().reset_index()
    missing = _missing_singles(means, pair)
    if missing:
        text = f"{pair.title}: {'; '.join(missing)}; give every dose of a combination alone on the same plate"
        findings.append(Finding("warn", "synergy_reference_missing", text))
    for model in pair.synergy.models:
        try:
            excess = _of_three_arms(means, model) if model in {"bliss", "hsa"} else _of_curves(means, model)
        except DesignError as error:
            rows.append(_row(pair, model, {"reason": str(error)}))
            findings.append(Finding("note", "synergy_not_estimated", f"{pair.title}, {model}: {error}"))
            continue
        rows += _model_rows(pair, model, excess)
    return rows, findings


def _missing_singles(means: pd.DataFrame, pair: _DrugPair) -> list[str]:
    """Return the doses tested together in a unit but not alone there, in words."""
    missing: dict[str, list[str]] = {}
    for unit, part in means.groupby("unit_id", sort=False):
        together = part[(part["first"] > 0) & (part["second"] > 0)]
        for side, other, drug, written in zip(
            ("first", "second"), ("second", "first"), pair.drugs, pair.units, strict=True
        ):
            alone = set(part.loc[part[other] == 0, side])
            for dose in dict.fromkeys(together[side]):
                if dose not in alone:
                    missing.setdefault(f"{drug} {dose:g} {written}", []).append(str(unit))
    return [f"{drug} alone is missing in {', '.join(units)}" for drug, units in missing.items()]


def _of_three_arms(means: pd.DataFrame, model: SynergyModel) -> pd.DataFrame:
    """Return unit_id, first, second, effect, excess for each unit and pair of doses that has all three arms."""
    wide = means.set_index(["unit_id", "first", "second"])["effect"]
    together = means[(means["first"] > 0) & (means["second"] > 0)]
    alone = [
        wide.reindex(list(zip(together["unit_id"], first, second, strict=True))).to_numpy()
        for first, second in (
            (together["first"], 0.0 * together["first"]),
            (0.0 * together["first"], together["second"]),
        )
    ]
    arms = together.assign(a=alone[0], b=alone[1]).dropna(subset=["a", "b"])
    if arms.empty:
        raise DesignError("synergy must rest on both drugs together and each alone", "no unit with all three arms")
    formula = bliss_excess if model == "bliss" else hsa_excess
    parts = [part.assign(excess=formula(part["a"], part["b"], part["effect"])) for _, part in arms.groupby(_PAIR)]
    return pd.concat(parts)[[*_KEYS, "effect", "excess"]]


def _of_curves(means: pd.DataFrame, model: SynergyModel) -> pd.DataFrame:
    """Return the same from a curve of each drug alone; units whose curves cannot be fitted are left out."""
    parts, refused = [], None
    for _, part in means.groupby("unit_id", sort=False):
        try:
            parts.append(surface_table(part, doses=("first", "second"), effect="effect", unit="unit_id", model=model))
        except DesignError as error:
            refused = error
    if not parts:
        raise refused or DesignError("synergy must rest on at least one unit", "none")
    return pd.concat(parts, ignore_index=True)


def _model_rows(pair: _DrugPair, model: SynergyModel, excess: pd.DataFrame) -> list[Row]:
    """Return per pair of doses the row over units and the units' own, then the same for the mean over pairs."""
    pairs = [({"first_dose": first, "second_dose": second}, part) for (first, second), part in excess.groupby(_PAIR)]
    over_units = [_over_units(part) for _, part in pairs]
    for row, p in zip(over_units, adjusted_p_values([row.get("p_value", np.nan) for row in over_units]), strict=True):
        row["p_adjusted"] = float(p)
    rows: list[Row] = []
    for (doses, part), row in zip(pairs, over_units, strict=True):
        own = [
            {"unit_id": r.unit_id, "observed": r.effect, "excess": r.excess, "n_units": 1} for r in part.itertuples()
        ]
        rows += [_row(pair, model, doses | each) for each in (row, *own)]
    if len(pairs) > 1:
        mean = excess.groupby("unit_id", sort=False)[["effect", "excess"]].mean().reset_index()
        rows.append(_row(pair, model, _over_units(mean)))
    return rows


def _over_units(part: pd.DataFrame) -> Row:
    """Return the mean excess over units with its t interval; none where one unit or no spread leaves no test."""
    values = part["excess"].to_numpy(float)
    row: Row = {"observed": float(part["effect"].mean()), "excess": float(values.mean()), "n_units": values.size}
    if values.size < 2:
        return row | {"reason": "no interval: one unit"}
    if not np.ptp(values) > 0:
        return row | {"reason": "no test: the units do not differ at all"}
    test = one_sample_t(values)
    return row | {"conf_low": test.conf_low, "conf_high": test.conf_high, "p_value": test.p_value}


def _row(pair: _DrugPair, model: str, numbers: Row) -> Row:
    doubts = dict.fromkeys(pair.effects.loc[pair.effects["qc"] == "not_interpretable", "reason"])
    reasons = [numbers.get("reason", ""), *(f"not interpretable: {doubt}" for doubt in doubts if doubt)]
    return {
        "model": model,
        "context": pair.context,
        "first": pair.drugs[0],
        "second": pair.drugs[1],
        "first_unit": pair.units[0],
        "second_unit": pair.units[1],
        **numbers,
        "reason": "; ".join(reason for reason in reasons if reason),
        "doubts": doubts_in_words(doubtful_values(pair.effects)),
    }
