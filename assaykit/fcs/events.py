"""`Events`: the cells of one FCS data set as a read-only events x channels array with its keywords and repairs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from assaykit.fcs.digest import Stamp, sha256_of

Level = Literal["note", "warn"]
"""What a repair means for the values: a note could not change one; a warning is a guess that a value rests on."""


@dataclass(frozen=True, slots=True)
class Repair:
    """One departure from the standard that the reader mended: what was wrong, what was done, where in the file."""

    name: str
    found: str
    action: str
    where: str
    level: Level = "note"


@dataclass(frozen=True, slots=True)
class Channel:
    """One parameter of an FCS file."""

    index: int  # n of $PnN, from 1
    name: str  # $PnN, stripped
    stain: str  # $PnS, stripped; "" where absent
    range: float  # $PnR
    bits: int  # $PnB
    gain: float  # $PnG; 1.0 where absent
    log_decades: float  # f1 of $PnE; 0 for a linear amplifier
    log_offset: float  # f2 of $PnE, a 0 read as 1 where f1 > 0
    voltage: float | None  # $PnV

    @property
    def top(self) -> float:
        """The end of the range ($PnR) on the scale of the scaled values; 0 where the file says none."""
        return self.amplified(self.range) if self.range > 0 else 0.0

    @property
    def saturation(self) -> float:
        """The largest value the detector can give, one step below the end of the range; 0 where it is not known."""
        return self.amplified(self.range - 1) if self.range > 1 else 0.0

    def amplified(self, stored: float) -> float:
        """Return a stored value with its amplifier undone: f2 * 10 ** (f1 * x / $PnR) of $PnE, or x / $PnG.

        >>> Channel(1, "FL1", "", 1024.0, 16, 1.0, 4.0, 1.0, None).amplified(1024.0)
        10000.0
        """
        if self.log_decades > 0:
            return float(self.log_offset * 10.0 ** (self.log_decades * stored / self.range))
        return stored / (self.gain or 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """The cells of one data set.

    `values` is events x channels, float32 (float64 where the file stores doubles or integers float32 cannot hold),
    read-only, scaled as SCIENCE asks: log amplifiers and gains undone, Time in seconds. `stored` values are reached
    through `read_fcs(path, scale=False)`. Gates are boolean masks over the rows; rows are never dropped.
    """

    values: NDArray[np.floating]
    channels: tuple[Channel, ...]
    keywords: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    source: Path | None = None
    version: str = ""
    repairs: tuple[Repair, ...] = ()
    scaled: bool = True  # whether amplifiers, gains and $TIMESTEP are undone
    stamp: Stamp | None = None  # of the file when it was read

    @property
    def names(self) -> tuple[str, ...]:
        """The $PnN of the channels held, in column order."""
        return tuple(channel.name for channel in self.channels)

    @property
    def sha256(self) -> str:
        """The sha256 of the bytes read, taken when asked for so that reading need not wait; "" without a file.

        Raises FcsError where the file has changed since it was read.
        """
        return "" if self.source is None else sha256_of(self.source, stamp=self.stamp)

    def __len__(self) -> int:
        return int(self.values.shape[0])
