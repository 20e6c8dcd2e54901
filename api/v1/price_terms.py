"""The terms of a price as they are sent and shown: tiers, packages, amounts finer than a rupiah."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from api.shapes import In

Model = Annotated[
    Literal["flat", "fixed", "per_unit", "graduated", "volume", "package"],
    Meta(
        description="How a quantity becomes an amount. `flat`: `unit_amount` times quantity. The "
        "others have `terms`: `fixed` one `amount` whatever the quantity; `per_unit` a "
        "`unit_amount` that may be finer than a rupiah; `graduated` each unit by the tier it falls "
        "in; `volume` all units by the tier reached; `package` started packages of `size` at "
        "`package_amount`, after `free` units."
    ),
]
Exact = Annotated[
    str | int,
    Meta(
        description='Exact, in rupiah or units: `8000`, or as text `"0.5"`.',
        extra_json_schema={"examples": ["0.5"]},
    ),
]


class TierIn(In):
    """Up to a bound, that bound included; the last tier has none."""

    up_to: Exact | None = None
    unit_amount: Exact = 0
    flat_amount: Annotated[
        Exact, Meta(description="In rupiah, paid once when the tier is reached.")
    ] = 0


class TermsIn(In):
    """What the model needs, and nothing else."""

    amount: Exact | None = None
    unit_amount: Exact | None = None
    tiers: Annotated[list[TierIn] | None, Meta(description="At most 50, with rising bounds.")] = (
        None
    )
    size: Exact | None = None
    package_amount: Exact | None = None
    free: Exact | None = None

    def given(self) -> dict[str, Any]:
        """The terms that were sent, as the rules read them."""
        return {
            name: msgspec.to_builtins(value)
            for name in self.__struct_fields__
            if (value := getattr(self, name)) is not None
        }


TermsOut = Annotated[
    dict[str, Any],
    Meta(description="Of every model but `flat`; numbers are exact, as text."),
]
