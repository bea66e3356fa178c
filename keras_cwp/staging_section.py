"""The settings of staging: which classes are profusions, which are large opacities."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from keras_cwp.schema import Section


def _several(given: Any) -> Any:
    """One name is a list of one; none is an empty list."""
    if given is None or str(given).strip().lower() in ("", "none", "null"):
        return ()
    return (given,) if isinstance(given, (str, int)) else given


_Names = Annotated[tuple[str, ...], BeforeValidator(_several)]


class StagingConfig(Section):
    """How the zones of a patient become a stage."""

    rule: Literal["auto", "gbz70", "ilo", "none"] = Field(
        "auto",
        description="gbz70: stage 0 to III; ilo: profusion of the worst zone; auto: both, where the ROI table has a "
        "column zone and the classes of data.ordinal are profusions by their names; none: no stages",
    )
    profusion: dict[str, Annotated[int, Field(ge=0, le=3)]] = Field(
        {},
        description="class → its profusion of small opacities, 0 to 3; a class that is missing here counts by its name "
        "where that is plain (normal, 0/1, 2/2, category 3)",
    )
    large: _Names = Field(
        (), description="classes of large opacities, for gbz70 of 20 mm x 10 mm or more; none: by name (large_opacity)"
    )
    coalescence: _Names = Field(
        (),
        description="classes of small opacities that coalesce, for stage III of gbz70; their profusion is 3 unless "
        "it is given",
    )

    @property
    def stated(self) -> bool:
        """Whether staging was asked for, and not only left to the names of the classes."""
        return self.rule in ("gbz70", "ilo") or bool(self.profusion or self.large or self.coalescence)
