"""A small configuration that is right, to be made wrong in one place at a time."""

import pytest

SITE = """\
[location]
id = "NORD"
name = "Rasthof Nord"
country_code = "DE"
party_id = "ABC"
time_zone = "Europe/Berlin"

[[evse]]
id = 1
[[evse.connector]]
id = 1
standard = "IEC_62196_T2_COMBO"
max_power_kw = 300

[[evse]]
id = 2
label = "West"
[[evse.connector]]
id = 1
standard = "IEC_62196_T2"
max_power_kw = 22

[[pool]]
id = "ALL"
evses = [1, 2]
[pool.name]
en = "Everything"
"""


@pytest.fixture
def site() -> str:
    """Return a configuration without problems."""
    return SITE
