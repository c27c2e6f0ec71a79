"""No message, repr or log of the configuration shows a secret, wherever in the file it was written."""

import pytest

from agent.config.load import check, load
from agent.config.settings import HIDDEN, Secret
from agent.config.types import Config

SECRET = "s3cr3t-s3cr3t-s3cr3t"
PARTNER = '[[partner]]\nname = "P"\nrole = "EMSP"\ncountry_code = "DE"\nparty_id = "XYZ"\n'

MISPLACED = [
    f'[csms]\npassword = "{SECRET} "',
    f'[csms]\npasword = "{SECRET}"',
    f'[csms]\npassword = ["{SECRET}"]',
    f'[csms]\npassword = {{ text = "{SECRET}" }}',
    f'[csms]\nurl = "wss://nord:{SECRET}@csms.example/x"\nidentity = "N"',
    f'[csms]\nurl = "https://csms.example/x?token={SECRET}"\nidentity = "N"',
    f'csms = "{SECRET}"',
    f'[csms]\nkeys = "{SECRET}"',
    f'[csms.keys]\nAuthorizationKey = "{SECRET}"',
    f'[csms.keys]\nBasicAuthPassword = ["{SECRET}"]',
    f'[csms]\nversions = "{SECRET}"',
    f'{PARTNER}token_sha256 = "{SECRET}"',
    f'{PARTNER}token = "{SECRET}"',
    f'{PARTNER}receiver_token = "{SECRET}\\n"',
    f'{PARTNER}receiver_url = "https://emp.example/?key={SECRET}"',
    f'[policy]\nad_hoc_id_token = "{SECRET} {SECRET}"',
    f'[csms]\npassword = "{SECRET}',
    f"[csms]\npassword = {SECRET}",
]


@pytest.mark.parametrize("added", MISPLACED)
def test_a_secret_in_a_wrong_place_is_a_problem_that_does_not_show_it(site: str, added: str) -> None:
    text = added + "\n" + site if added.startswith("csms") else f"{site}{added}\n"
    problems = check(text)
    assert problems
    assert SECRET not in "".join(f"{problem.text()}{problem!r}" for problem in problems)


def test_a_loaded_configuration_hides_its_secrets(site: str) -> None:
    config = load(f'{site}[csms]\npassword = "{SECRET}"\n{PARTNER}token_sha256 = "{"a" * 64}"\n')
    assert isinstance(config, Config)
    assert config.csms.password == Secret(SECRET)
    assert config.csms.password is not None
    assert config.csms.password.reveal() == SECRET
    assert SECRET not in repr(config)
    assert "a" * 64 not in repr(config)
    assert f"password={HIDDEN}" in repr(config)


def test_secrets_are_compared_by_what_they_hide() -> None:
    assert Secret("a") == Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1
    assert f"{Secret('a')}" == str(Secret("a")) == HIDDEN
