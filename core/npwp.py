"""The tax number of a person or company (NPWP): 16 digits, 15 in the form used before 2024."""

from __future__ import annotations

import re

from core.errors import InvalidRequest


def tidy_npwp(npwp: str) -> str:
    """The digits of an NPWP; dots, dashes and spaces are dropped.

    Raises:
        InvalidRequest: ``invalid_npwp`` where there are not 15 or 16 digits.
    """
    digits = re.sub(r"[.\-\s]", "", str(npwp))
    if re.fullmatch(r"[0-9]{15,16}", digits) is None:
        raise InvalidRequest("invalid_npwp", "An NPWP has 15 or 16 digits.", field="npwp")
    return digits
