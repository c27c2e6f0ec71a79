"""Lets the CSMS tests read the corpus that all readers of JSON share."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "corpus"))
