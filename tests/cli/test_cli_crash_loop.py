"""A crash loop as an operator sees it: three kills, safe mode in log and status, and a restart that ends it."""

import json
import signal
from pathlib import Path

from agent_process import agent, stationmaster

CONFIG = """
[location]
id = "NORD"
name = "Nord"
country_code = "DE"
party_id = "ABC"
time_zone = "Europe/Berlin"

[[evse]]
id = 1
connector = [{ id = 1, standard = "IEC_62196_T2_COMBO", max_power_kw = 50 }]

[[pool]]
id = "CCS"
name = { en = "CCS", de = "CCS" }
evses = [1]

[web]
port = 0
public_url = "http://10.42.0.1"
"""


def test_after_three_kills_the_agent_pauses_the_queue_says_so_and_an_orderly_restart_ends_that(tmp_path: Path) -> None:
    config, state = tmp_path / "site.toml", tmp_path / "state"
    config.write_text(CONFIG)
    for kills in range(4):
        with agent(config, state) as running:
            told = json.loads(stationmaster("status", "--json", "--address", running.base).stdout)
            if kills < 3:
                assert told["safe_mode"] is None
                running.stop(signal.SIGKILL)
                continue
            assert told["safe_mode"]["unclean_ends"] == 3
            said = stationmaster("status", "--address", running.base).stdout
            assert "  unclean_ends: 3\n" in said
            assert "restart the service: that ends safe mode" in said
            assert "    status: PAUSED\n" in said
            assert running.stop()[0] == 0
    with agent(config, state) as running:
        told = json.loads(stationmaster("status", "--json", "--address", running.base).stdout)
        assert told["safe_mode"] is None
        assert running.stop()[0] == 0
    assert ": ok, " in stationmaster("journal", "verify", "--state-dir", state).stdout
