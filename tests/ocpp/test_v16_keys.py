"""agent/ocpp/v16/keys.py: configuration keys hold what the standard lets them hold, and survive a restart."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ocpp.v16.enums import ConfigurationKey  # type: ignore[import-untyped]

from agent.ocpp.v16.keys import KEYS, ChangeStatus, KeyTable, Kind

REQUIRED = frozenset(
    {
        "AuthorizeRemoteTxRequests",
        "ClockAlignedDataInterval",
        "ConnectionTimeOut",
        "ConnectorPhaseRotation",
        "GetConfigurationMaxKeys",
        "HeartbeatInterval",
        "LocalAuthorizeOffline",
        "LocalPreAuthorize",
        "MeterValuesAlignedData",
        "MeterValuesSampledData",
        "MeterValueSampleInterval",
        "NumberOfConnectors",
        "ResetRetries",
        "StopTransactionOnEVSideDisconnect",
        "StopTransactionOnInvalidId",
        "StopTxnAlignedData",
        "StopTxnSampledData",
        "SupportedFeatureProfiles",
        "TransactionMessageAttempts",
        "TransactionMessageRetryInterval",
        "UnlockConnectorOnEVSideDisconnect",
        "LocalAuthListEnabled",
        "LocalAuthListMaxLength",
        "SendLocalListMaxLength",
    }
)
OWN = {"MessageTimeout", "SeQueReEnabled"}
PASSWORD = "00112233445566778899aabbccddeeff"


def test_every_required_key_of_the_supported_profiles_exists() -> None:
    assert {key.name for key in KEYS} >= REQUIRED


def test_names_are_those_of_the_standard_and_unique_without_case() -> None:
    names = [key.name for key in KEYS]
    assert set(names) - OWN <= {one.value for one in ConfigurationKey}
    assert len({name.lower() for name in names}) == len(names)


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_default_of_a_key_is_a_value_that_it_may_hold(key) -> None:  # type: ignore[no-untyped-def]
    assert key.default == "" or key.accepted(key.default) == key.default


def test_all_keys_are_told_when_none_is_named_and_never_the_password() -> None:
    _, table = KeyTable().change("AuthorizationKey", PASSWORD)
    told, unknown = table.get(())
    assert [one.name for one in told] == [key.name for key in KEYS]
    assert unknown == ()
    assert PASSWORD not in {one.value for one in told}
    assert table.text("AuthorizationKey") == PASSWORD
    assert PASSWORD not in repr(table)


def test_named_keys_are_told_without_regard_to_case_and_unknown_ones_are_listed() -> None:
    told, unknown = KeyTable().get(["heartbeatinterval", "HeartbeatInterval", "Nonsense"])
    assert [(one.name, one.value, one.readonly) for one in told] == [("HeartbeatInterval", "300", False)]
    assert unknown == ("Nonsense",)


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("HeartbeatInterval", "60", "Accepted"),
        ("heartbeatinterval", "060", "Accepted"),
        ("HeartbeatInterval", "-1", "Rejected"),
        ("HeartbeatInterval", "1e3", "Rejected"),
        ("HeartbeatInterval", "٣", "Rejected"),
        ("HeartbeatInterval", "9" * 400, "Rejected"),
        ("HeartbeatInterval", "", "Rejected"),
        ("WebSocketPingInterval", "20", "RebootRequired"),
        ("WebSocketPingInterval", "-5", "Rejected"),  # OCPP 1.6, 9.1.34
        ("TransactionMessageAttempts", "0", "Rejected"),
        ("LocalPreAuthorize", "TRUE", "Accepted"),
        ("LocalPreAuthorize", "1", "Rejected"),
        ("NumberOfConnectors", "2", "Rejected"),
        ("SecurityProfile", "1", "Rejected"),
        ("MeterValuesSampledData", " Energy.Active.Import.Register ", "Accepted"),
        ("MeterValuesSampledData", "", "Accepted"),
        ("MeterValuesSampledData", "Voltage", "Rejected"),
        ("StopTransactionOnInvalidId", "false", "Rejected"),
        ("ConnectorPhaseRotation", "0.RST,1.RST,2.RTS", "Accepted"),
        ("ConnectorPhaseRotation", "1.XYZ", "Rejected"),
        ("ConnectorPhaseRotation", "1.RST,1.RST", "Rejected"),
        ("AuthorizationKey", PASSWORD, "Accepted"),
        ("AuthorizationKey", PASSWORD[:30], "Rejected"),
        ("AuthorizationKey", "password" * 4, "Rejected"),
        ("CpoName", "Stadtwerke\x00", "Rejected"),
        ("NoSuchKey", "1", "NotSupported"),
    ],
)
def test_change_is_answered_as_the_standard_says(name: str, value: str, status: str) -> None:
    before = KeyTable()
    said, after = before.change(name, value)
    assert said.value == status
    assert (after == before) is (status in ("Rejected", "NotSupported"))


def test_changed_values_are_read_with_their_types() -> None:
    table = KeyTable(facts={"NumberOfConnectors": "6"})
    for name, value in (
        ("HeartbeatInterval", "060"),
        ("LocalPreAuthorize", "True"),
        ("ConnectorPhaseRotation", "0.RST, 1.RST"),
    ):
        status, table = table.change(name, value)
        assert status is ChangeStatus.ACCEPTED
    assert table.number("HeartbeatInterval") == 60
    assert table.flag("LocalPreAuthorize") is True
    assert table.items("ConnectorPhaseRotation") == ("0.RST", "1.RST")
    assert table.number("NumberOfConnectors") == 6


def test_stored_values_survive_a_restart_and_values_of_an_older_release_that_no_longer_fit_do_not() -> None:
    _, table = KeyTable().change("HeartbeatInterval", "60")
    stored = {**table.stored, "Gone": "1", "TransactionMessageAttempts": "0", "NumberOfConnectors": "9"}
    assert KeyTable.restored(stored, {"NumberOfConnectors": "2"}) == KeyTable(
        stored={"HeartbeatInterval": "60"}, facts={"NumberOfConnectors": "2"}
    )


def test_fact_about_a_changeable_or_unknown_key_is_our_error() -> None:
    with pytest.raises(ValueError, match="no fact"):
        KeyTable(facts={"HeartbeatInterval": "1"})
    with pytest.raises(ValueError, match="no key"):
        KeyTable(stored={"Nonsense": "1"})


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([key.name for key in KEYS]), st.text(max_size=60))
def test_whatever_is_accepted_can_be_read_back_and_accepted_again(name: str, value: str) -> None:
    status, table = KeyTable().change(name, value)
    if status in (ChangeStatus.ACCEPTED, ChangeStatus.REBOOT_REQUIRED):
        assert KeyTable.restored(table.stored, {}) == table
        kind = next(key.kind for key in KEYS if key.name == name)
        assert kind is not Kind.INTEGER or table.number(name) >= 0
    else:
        assert table == KeyTable()
