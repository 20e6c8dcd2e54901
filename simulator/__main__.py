"""`python -m simulator`."""

from __future__ import annotations

import sys

from simulator.server import run

sys.exit(run())
