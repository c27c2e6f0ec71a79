"""Libraries that only some sites need, loaded when a driver that needs them is built.

Touches the import system only. A missing library is a `DeviceError` that says what to install.
"""

import importlib
from typing import Any

from drivers.ports import DeviceError


def load(module: str, *, extra: str, device: str) -> Any:
    """Import a module for a device; DeviceError names the extra of this distribution that brings it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        top = module.partition(".")[0]
        raise DeviceError(
            f"{device}: cannot load {top} ({error}): install it with: pip install stationmaster[{extra}]"
        ) from error
