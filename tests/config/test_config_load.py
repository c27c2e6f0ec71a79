"""Every mistake of a configuration is found, told with its path, and told once."""

import pytest

from agent.config.load import check, demo_text, load
from agent.config.problems import PROBLEMS_MAX, Problem, ProblemKind, Severity
from agent.config.types import Config
from agent.core.layout import AdHocStart
from drivers.registry import Port

GPIO = '[[device]]\nevse = 1\nport = "bay_sensor"\ndriver = "gpio"\n'
LAMP = '[[device]]\nevse = 1\nport = "status_light"\ndriver = "gpio"\n'
TWIN = '[[device]]\nevse = 1\nport = "bay_sensor"\ndriver = "twin"\n'
PARTNER = '[[partner]]\nname = "P"\nrole = "EMSP"\ncountry_code = "DE"\nparty_id = "XYZ"\n'
TOKEN = f'token_sha256 = "{"a" * 64}"\n'


def errors(text: str) -> tuple[Problem, ...]:
    found = load(text, source="site.toml")
    assert not isinstance(found, Config), "expected problems"
    return found


def warnings(text: str) -> tuple[Problem, ...]:
    return tuple(problem for problem in check(text) if problem.severity is Severity.WARNING)


def test_small_configuration_loads_with_the_defaults(site: str) -> None:
    config = load(site)
    assert isinstance(config, Config)
    assert [evse.id for evse in config.evse] == [1, 2]
    assert (config.web.host, config.web.port, config.policy.arrival_window_min) == ("127.0.0.1", 8080, 5)
    assert check(site) == ()


def test_demo_is_a_simulated_site_of_six_bays() -> None:
    config = load(demo_text())
    assert isinstance(config, Config)
    assert config.simulated
    assert len(config.evse) == 6
    assert {(device.evse, device.port) for device in config.device} == {(e, p) for e in range(1, 7) for p in Port}
    assert config.policy.ad_hoc_start is AdHocStart.FREE
    assert check(demo_text()) == ()


# What is changed in the text and to what; the path of the only problem; a part of what is said of it.
CHANGED = [
    ('id = "NORD"', 'id = "NORD\\u0007"', "location.id", "NORD\\x07"),
    ('id = "NORD"', 'idd = "NORD"', "location.idd", "did you mean id?"),
    ('id = "NORD"\n', "", "location.id", "missing; allowed is 1 to 36 signs"),
    ('name = "Rasthof Nord"', "name = 5", "location.name", "5 is of the wrong type; allowed is a text from 1 to 40"),
    ('name = "Rasthof Nord"', 'name = ""', "location.name", '"" is not allowed'),
    ('"DE"', '"Germany"', "location.country_code", "two capital letters"),
    ("Europe/Berlin", "Europe/Berln", "location.time_zone", "did you mean Europe/Berlin?"),
    ("Europe/Berlin", "../etc/passwd", "location.time_zone", "an IANA name"),
    ("Europe/Berlin", "Europe", "location.time_zone", "an IANA name"),
    ("[[pool]]", 'languages = ["en"]\n[[pool]]', "evse[2].connector[1].languages", "belongs to [location]"),
    ("[[evse]]\nid = 2", "[[evse]]\nid = 1", "evse[2].id", '"1" is also evse[1].id'),
    ('"West"', '"1"', "evse[2].label", '"1" is also evse[1].id'),
    ('"West"', '"much too long"', "evse[2].label", "a text up to 6 signs"),
    ('"West"', "4", "evse[2].label", 'write it in quotes: "4"'),
    ("max_power_kw = 22", "max_power_kw = 0", "evse[2].connector[1].max_power_kw", "from 0.5 to 4000 kW"),
    ("max_power_kw = 22", "max_power_kw = nan", "evse[2].connector[1].max_power_kw", "nan is not allowed"),
    ("max_power_kw = 22", "max_power_kw = true", "evse[2].connector[1].max_power_kw", "true is of the wrong type"),
    ("max_power_kw = 22", 'max_power_kw = "22"', "evse[2].connector[1].max_power_kw", "write it without quotes"),
    ('"IEC_62196_T2"', '"IEC_62196_T2_COMB"', "evse[2].connector[1].standard", 'did you mean "IEC_62196_T2_COMBO"?'),
    ('[[evse.connector]]\nid = 1\nstandard = "IEC_62196_T2"', "[evse.connector]", "evse[2].connector", "write [[evse"),
    ('"West"', '"West"\nplace = { row = 13, column = 1 }', "evse[2].place.row", "a whole number from 1 to 12"),
    ('"West"', '"West"\nplace = { row = 1, column = 0 }', "evse[2].place.column", "a whole number from 1 to 24"),
    ('"West"', '"West"\nplace = { row = 1 }', "evse[2].place.column", "missing"),
    ("evses = [1, 2]", "evses = [1, 2, 3]", "pool[1].evses[3]", "allowed is the id of an [[evse]]: 1, 2"),
    ("evses = [1, 2]", "evses = [1, 2, 2]", "pool[1].evses[3]", "is also pool[1].evses[2]"),
    ("evses = [1, 2]", "evses = 1", "pool[1].evses", "write it in brackets"),
    ("evses = [1, 2]", "evses = []", "pool[1].evses", "a list of 0 is not allowed"),
    ("evses = [1, 2]", 'evses = [1, 2]\nopening = ["Mo-Xx 06:00-22:00"]', "pool[1].opening[1]", "Xx is no day"),
    ("evses = [1, 2]", 'evses = [1, 2]\nopening = ["Mo-Fr 06:00-25:00"]', "pool[1].opening[1]", "25:00 is no time"),
    ("evses = [1, 2]", 'evses = [1, 2]\nopening = ["always"]', "pool[1].opening[1]", 'such as "Mo-Fr 06:00-22:00"'),
    ('id = "ALL"', 'id = "west"', "pool[1].id", "is also the name of the bay of evse[2]"),
    ("[pool.name]", "[pool.names]", "pool[1].names", "did you mean name?"),
    ('en = "Everything"', 'fr = "Tout"\nen = "Everything"', "pool[1].name.fr", "allowed is one of de, en"),
]


@pytest.mark.parametrize(
    ("old", "new", "path", "said"), CHANGED, ids=[change[2] + ":" + change[3] for change in CHANGED]
)
def test_one_mistake_in_the_site_is_one_problem(site: str, old: str, new: str, path: str, said: str) -> None:
    assert old in site
    found = errors(site.replace(old, new, 1))
    assert [problem.path for problem in found] == [path]
    assert said in found[0].text()
    assert found[0].line is not None


# What is added to the end; the path of the only error; a part of what is said of it.
ADDED = [
    ("[web]\nport = 65536", "web.port", "65536 is not allowed; allowed is a whole number from 0 to 65535"),
    ("[web]\nport = 80.0", "web.port", "80.0 is of the wrong type"),
    ("[web]\nversions = []", "web.versions", "versions belongs to [csms]"),
    ('[board]\nnight = "22-6"', "board.night", 'hours such as "22:00-06:00"'),
    ('[board]\nnight = "24:00-06:00"', "board.night", 'hours such as "22:00-06:00"'),
    ('[web]\npublic_url = "http://localhost:8080"', "web.public_url", "this machine itself"),
    ('[web]\npublic_url = "http://127.1.2.3"', "web.public_url", "this machine itself"),
    ('[web]\npublic_url = "http://[::1]:8080"', "web.public_url", "this machine itself"),
    ('[web]\npublic_url = "http://[::ffff:127.0.0.1]"', "web.public_url", "this machine itself"),
    ('[web]\npublic_url = "http://0.0.0.0"', "web.public_url", "this machine itself"),
    ('[web]\npublic_url = "10.42.0.1"', "web.public_url", "begin with http:// or https://"),
    ('[web]\npublic_url = "ftp://10.42.0.1"', "web.public_url", "begin with http:// or https://"),
    ('[web]\npublic_url = "http://10.42.0.1:port"', "web.public_url", "host:port"),
    ('[web]\npublic_url = "http://10.42.0.1/laden"', "web.public_url", "has a path"),
    ('[web]\npublic_url = "http://10.42.0.1/?a=b"', "web.public_url", "what follows ? or #"),
    ('[web]\ntrusted_proxies = ["0.0.0.0/0"]', "web.trusted_proxies[1]", "is everybody"),
    ('[web]\ntrusted_proxies = ["10.0.0.1/24"]', "web.trusted_proxies[1]", "an address or a network"),
    ('[web]\nallowed_hosts = ["https://laden.example"]', "web.allowed_hosts[1]", "without scheme and port"),
    ("[web]\n[[web.host]]", "web.host", "wrong type"),
    ("[policy]\nmisses_allowed = -1", "policy.misses_allowed", "from 0 to 10 calls"),
    ("[policy]\nlong_arrival_window_min = 1", "policy.long_arrival_window_min", "shorter than arrival_window_min"),
    ("[policy]\naccept_on_plug = true", "policy.accept_on_plug", 'ad_hoc_start = "free"'),
    ('[policy]\naccept_on_plug = "true"', "policy.accept_on_plug", "write it without quotes"),
    ('[policy]\nad_hoc_start = "csm"', "policy.ad_hoc_start", 'did you mean "csms"?'),
    ('[policy]\nad_hoc_start = "csms"\n[csms]\nurl = "wss://a.de"\nidentity = "N"', "policy.ad_hoc_start", "IdToken"),
    ('[policy]\nad_hoc_start = "csms"\nad_hoc_id_token = "X"', "policy.ad_hoc_start", "set url in [csms]"),
    ('[csms]\nurl = "http://a.example"\nidentity = "N"', "csms.url", "begin with wss:// or ws://"),
    ('[csms]\nurl = "wss://a.example"', "csms.identity", "missing"),
    ('[csms]\nidentity = "A:B"', "csms.identity", "letters, digits or one of"),
    ("[csms]\nversions = [1.6]", "csms.versions[1]", 'write it in quotes: "1.6"'),
    ('[csms]\nversions = ["ocpp1.6"]', "csms.versions[1]", 'did you mean "1.6"?'),
    ('[csms]\nversions = ["1.6", "1.6"]', "csms.versions[2]", "is also csms.versions[1]"),
    ('[csms]\nversions = ["2.0.1"]\npassword = "0123456789"', "csms.password", "16 to 40 signs"),
    ('[csms]\npassword = "0123456789"\npassword_file = "/x"', "csms.password", "there is a password_file too"),
    ('[csms]\npassword_file = "x"', "csms.password_file", "an absolute path"),
    ("[csms.keys]\nHeartbeatInterval = [1]", "csms.keys.HeartbeatInterval", "a text, a number, true or false"),
    ('[csms.keys]\nAuthorizationKey = "x"', "csms.keys.AuthorizationKey", "secrets do not belong here"),
    (PARTNER, "partner[1].token_sha256", "missing"),
    (PARTNER + TOKEN + 'token_file = "/x"', "partner[1].token_sha256", "there is a token_file too"),
    (PARTNER + TOKEN + 'rights = ["power"]', "partner[1].rights[1]", "one of read, queue, booking, reserve_now"),
    (PARTNER + TOKEN + 'rights = ["que"]', "partner[1].rights[1]", 'did you mean "queue"?'),
    (PARTNER + TOKEN + 'issuers = ["de-abc"]', "partner[1].issuers[1]", '"DEXYZ"'),
    (PARTNER + TOKEN + 'receiver_url = "http://10.0.0.1/x"', "partner[1].receiver_url", "allow_http = true"),
    (PARTNER + TOKEN + 'allow_http = true\nreceiver_url = "http://9.9.9.9/x"', "partner[1].receiver_url", "far away"),
    (PARTNER + TOKEN + PARTNER.replace('"P"', '"Q"') + TOKEN, "partner[2].token_sha256", "is also that of partner[1]"),
    (PARTNER + TOKEN + PARTNER + 'token_file = "/x"', "partner[2].name", '"P" is also partner[1].name'),
    (GPIO + 'options = { occupied = "high" }', "device[1].options.pin", "missing; allowed is a whole number"),
    (GPIO + 'options = { pinn = 4, occupied = "high" }', "device[1].options.pinn", "did you mean pin?"),
    (GPIO + 'options = { pin = 99, occupied = "high" }', "device[1].options", "BCM number from 0 to 53, not 99"),
    (GPIO.replace("gpio", "gpo") + "options = {}", "device[1].driver", "did you mean gpio?"),
    (GPIO.replace("bay_sensor", "light"), "device[1].port", 'did you mean "status_light"?'),
    (TWIN.replace("= 1", "= 3"), "device[1].evse", "the id of an [[evse]]: 1, 2"),
    (TWIN + "options = { pin = 4 }", "device[1].options.pin", "there are none here"),
    (TWIN + TWIN, "device[2].port", '"bay_sensor of EVSE 1" is also device[1].port'),
    ("[twin]\nspeed = 0", "twin.speed", "from 0.1 to 3600"),
    ('[journal]\nsecond_copy = "usb"', "journal.second_copy", "an absolute path"),
    ('[log]\nlevel = "warn"', "log.level", 'did you mean "warning"?'),
    ("[polcy]", "polcy", "did you mean policy?"),
    ('"a\\\\\\"[1].b" = 1', 'pool[1].name."a\\\\\\"[1].b"', "unknown key"),
    ('"a.b\\n" = 1', 'pool[1].name."a.b\\n"', "unknown key"),
]


@pytest.mark.parametrize(("added", "path", "said"), ADDED, ids=[f"{case[1]}:{case[2]}" for case in ADDED])
def test_one_mistake_around_the_site_is_one_problem(site: str, added: str, path: str, said: str) -> None:
    found = errors(f"{site}{added}\n")
    assert [problem.path for problem in found] == [path]
    assert said in found[0].text()


def test_two_bays_in_one_place_are_told_apart_by_nobody(site: str) -> None:
    both = site.replace("id = 1\n[[evse", "id = 1\nplace = { row = 2, column = 3 }\n[[evse")
    found = errors(both.replace('"West"', '"West"\nplace = { row = 2, column = 3 }'))
    assert [problem.path for problem in found] == ["evse[2].place"]
    assert "row 2, column 3" in found[0].text()


WARNED = [
    ('label = "West"', 'label = "K7"', "evse[2].label", "looks like a call code"),
    ("evses = [1, 2]", "evses = [1]", "evse[2]", "EVSE 2 is in no pool"),
    ('label = "West"', 'label = "West"\nplace = { row = 1, column = 1 }', "evse[1].place", "pages show no plan before"),
]


@pytest.mark.parametrize(("old", "new", "path", "said"), WARNED)
def test_what_is_unwise_is_a_warning_and_loads(site: str, old: str, new: str, path: str, said: str) -> None:
    text = site.replace(old, new)
    assert isinstance(load(text), Config)
    assert [(warning.path, said in warning.text()) for warning in warnings(text)] == [(path, True)]


WARNED_ADDED = [
    ('[csms]\nurl = "ws://csms.example/x"\nidentity = "N"\npassword = "0123456789"', "csms.url", "use wss://"),
    (PARTNER.replace("EMSP", "OEM") + TOKEN, "partner[1].issuers", "an OEM without issuers"),
    (PARTNER + TOKEN + f'receiver_token = "{"x" * 16}"', "partner[1].receiver_token", "is sent nowhere"),
]


@pytest.mark.parametrize(("added", "path", "said"), WARNED_ADDED)
def test_what_is_unwise_around_the_site_is_a_warning(site: str, added: str, path: str, said: str) -> None:
    text = f"{site}{added}\n"
    assert isinstance(load(text), Config)
    assert [(warning.path, said in warning.text()) for warning in warnings(text)] == [(path, True)]


def test_gaps_in_evse_ids_matter_only_to_a_csms(site: str) -> None:
    gap = site.replace("[[evse]]\nid = 2", "[[evse]]\nid = 7").replace("evses = [1, 2]", "evses = [1, 7]")
    assert warnings(gap) == ()
    assert [one.path for one in warnings(gap + '[csms]\nurl = "wss://a.example"\nidentity = "N"\n')] == ["evse"]


def test_loopback_address_is_allowed_where_all_hardware_is_simulated(site: str) -> None:
    address = '[web]\npublic_url = "http://127.0.0.1:8080"\n'
    assert isinstance(load(site + address + TWIN), Config)
    beside_real = site + address + TWIN + LAMP + "options = { red = 1, green = 2, blue = 3 }\n"
    assert [problem.path for problem in errors(beside_real)] == ["web.public_url"]


def test_long_public_address_is_told_where_there_is_a_display(site: str) -> None:
    display = TWIN.replace("bay_sensor", "display")
    short = '[web]\npublic_url = "http://10.42.0.1"\n'
    long = '[web]\npublic_url = "http://laden.rasthof-nord.example"\n'
    assert warnings(site + short + display) == ()
    assert warnings(site + long) == ()
    told = warnings(site + long + display)
    assert [warning.path for warning in told] == ["web.public_url"]
    assert "40 signs" in told[0].text()


def test_two_owners_of_one_pin_are_one_problem_that_names_both(site: str) -> None:
    sensor = GPIO + 'options = { pin = 5, occupied = "high" }\n'
    lamp = LAMP + 'name = "lamp-1"\noptions = { red = 4, green = 5, blue = 6 }\n'
    (problem,) = errors(site + sensor + lamp)
    assert problem.path == "device[2]"
    assert "GPIO5 belongs to bay-sensor-1" in problem.text()


def test_twin_control_never_stands_beside_real_hardware(site: str) -> None:
    real = LAMP + "options = { red = 1, green = 2, blue = 3 }\n"
    assert isinstance(load(site + TWIN + real), Config)
    assert [p.path for p in errors(site + TWIN + real + "[twin]\ncontrol = true\n")] == ["device[1].driver"]


def test_all_mistakes_are_told_at_once_in_order_of_their_lines(site: str) -> None:
    text = site.replace('"DE"', '"de"').replace("evses = [1, 2]", "evses = [1, 9]")
    text += f'[web]\nprt = 3\n[csms]\nurl = "x"\n{GPIO}options = {{ pin = "4", occupied = "hi", extra = 1 }}\n'
    found = errors(text)
    assert [problem.path for problem in found] == [
        "location.country_code",
        "pool[1].evses[2]",
        "web.prt",
        "csms.identity",
        "csms.url",
        "device[1].options.pin",
        "device[1].options.occupied",
        "device[1].options.extra",
    ]
    lines = [problem.line or 0 for problem in found]
    assert lines == sorted(lines)
    assert found[0].text().startswith("site.toml:4: location.country_code: ")


def test_wrong_ids_of_evses_do_not_make_the_pools_wrong_too(site: str) -> None:
    found = errors(site.replace("[[evse]]\nid = 2", '[[evse]]\nid = "two"'))
    assert [problem.path for problem in found] == ["evse[2].id"]


@pytest.mark.parametrize(
    ("text", "line"),
    [("[location\n", 1), ("a = 1\nb = = 2\n", 2), ("a = 1\na = 2\n", 2), ('a = "x\n', 1), ("x = '''\n", 2)],
)
def test_broken_toml_is_one_problem_with_its_line(text: str, line: int) -> None:
    (problem,) = errors(text)
    assert problem.kind is ProblemKind.SYNTAX
    assert problem.line == line
    assert problem.hint


@pytest.mark.parametrize("text", ["a = " + "[" * 5000, "a = " + "9" * 5000, "a = 2026-13-45", "x = 1\n" * 300_000])
def test_texts_that_break_the_parser_are_problems(text: str) -> None:
    assert [problem.kind for problem in errors(text)] == [ProblemKind.SYNTAX]


def test_endless_mistakes_end_with_a_word_about_the_rest(site: str) -> None:
    found = errors(site + "[web]\n" + "".join(f"key_{number} = 1\n" for number in range(5000)))
    assert len(found) == PROBLEMS_MAX + 1
    assert "4800 more" in found[-1].text()
