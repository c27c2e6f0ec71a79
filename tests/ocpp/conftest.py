"""Lets the OCPP tests read the corpus that they share with the HTTP tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "corpus"))
