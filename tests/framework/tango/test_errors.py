"""Errors keep their meaning on the way over Tango and back."""

from __future__ import annotations

import pytest
import tango

from ronda.framework.errors import (
    BadValue,
    Busy,
    CommunicationFailed,
    HardwareFault,
    NotAllowed,
    NotFound,
    OutOfRange,
    RondaError,
    ServiceFailed,
    TimedOut,
)
from ronda.framework.tango.errors import from_dev_failed, to_dev_failed

KINDS = [RondaError, *RondaError.__subclasses__()]


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_arrives_as_the_same_kind_with_the_same_sentence(kind):
    failed = to_dev_failed(kind("samx: cannot move to 9.0 mm"), "demo/axis/samx")
    found = from_dev_failed(failed)
    assert type(found) is kind
    assert str(found) == "samx: cannot move to 9.0 mm"


def test_the_first_description_has_sentence_reason_and_origin():
    first = to_dev_failed(Busy("samx: is moving"), "demo/axis/samx").args[0]
    assert (first.reason, first.desc, first.origin) == ("RONDA_BUSY", "samx: is moving", "demo/axis/samx")
    assert first.severity == tango.ErrSeverity.ERR


def test_reasons_are_the_closed_list_and_distinct():
    assert len({kind.reason for kind in KINDS}) == len(KINDS)


def foreign(*reasons: str) -> tango.DevFailed:
    descriptions = []
    for reason in reasons:
        description = tango.DevError()
        description.reason, description.desc, description.origin = reason, f"words of {reason}", "somewhere"
        description.severity = tango.ErrSeverity.ERR
        descriptions.append(description)
    return tango.DevFailed(*descriptions)


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("API_CommandTimedOut", TimedOut),
        ("API_CantConnectToDevice", CommunicationFailed),
        ("API_CantConnectToDatabase", ServiceFailed),
        ("DB_AliasNotDefined", NotFound),
        ("API_WAttrOutsideLimit", OutOfRange),
        ("API_AttrNotAllowed", NotAllowed),
        ("API_IncompatibleCmdArgumentType", BadValue),
        ("Motor_Exploded", HardwareFault),
    ],
)
def test_tangos_own_reasons_and_those_of_foreign_devices_have_a_meaning(reason, kind):
    assert type(from_dev_failed(foreign(reason, "API_AttributeFailed"))) is kind


def test_the_words_of_a_foreign_device_are_kept():
    assert str(from_dev_failed(foreign("Motor_Exploded", "API_CommandFailed"))) == "words of Motor_Exploded"


def told(*descriptions: tuple[str, str]) -> tango.DevFailed:
    """As the Tango library raises it."""
    errors = []
    for reason, words in descriptions:
        error = tango.DevError()
        error.reason, error.desc, error.origin, error.severity = reason, words, "somewhere", tango.ErrSeverity.ERR
        errors.append(error)
    return tango.DevFailed(*errors)


DELAYED = (
    "Failed to connect to device {}\nThe connection request was delayed.\n"
    "The last connection request was done less than 1000 ms ago"
)


@pytest.mark.parametrize(
    ("descriptions", "kind", "sentence"),
    [
        (
            [
                ("API_CorbaException", "TRANSIENT CORBA system exception: TRANSIENT_ConnectFailed"),
                ("API_CantConnectToDevice", "Failed to connect to device demo/axis/rot"),
                ("API_AttributeFailed", "Failed to read_attribute on device demo/axis/rot, attribute Position"),
            ],
            CommunicationFailed,
            "its server does not answer: it is not running, or is just being started again; see `ronda status`",
        ),
        (
            [("API_CantConnectToDevice", DELAYED.format("demo/axis/rot"))],
            CommunicationFailed,
            "its server does not answer",
        ),
        (
            [
                ("API_CorbaException", "TRANSIENT CORBA system exception: TRANSIENT_CallTimedout"),
                ("API_CantConnectToDevice", "Failed to connect to device demo/axis/rot"),
            ],
            TimedOut,
            "did not answer in time; it is busy or hangs",
        ),
        (
            [
                ("API_CorbaException", "COMM_FAILURE CORBA system exception: COMM_FAILURE_WaitingForReply"),
                ("API_CantConnectToDevice", "Failed to connect to device demo/axis/rot"),
            ],
            CommunicationFailed,
            "its server ended before it answered, what was asked may have been done or not",
        ),
        (
            [("API_CommandNotAllowed", "Command Start not allowed when the device demo/x/y is in RUNNING state")],
            NotAllowed,
            "Start is not possible in state RUNNING",
        ),
    ],
)
def test_tangos_words_become_a_sentence_that_says_what_to_do(descriptions, kind, sentence):
    found = from_dev_failed(told(*descriptions), "rot")
    assert type(found) is kind
    assert str(found).startswith(f"rot: {sentence}")


def test_without_a_name_the_device_is_found_in_tangos_words():
    found = from_dev_failed(told(("API_CantConnectToDevice", DELAYED.format("demo/axis/rot"))))
    assert str(found).startswith("demo/axis/rot: its server does not answer")


def test_a_connection_to_the_database_that_fails_is_said_to_be_one():
    found = from_dev_failed(
        told(
            ("API_CantConnectToDevice", DELAYED.format("sys/database/2")),
            ("API_CommandFailed", "Failed to execute command_inout on device sys/database/2, command DbImportDevice"),
        ),
        "samx",
    )
    assert type(found) is ServiceFailed
    assert str(found).startswith("samx: the Tango database does not answer; its host agent starts it again")


def test_our_reason_counts_wherever_it_stands():
    failed = foreign("API_CommandFailed", "RONDA_BUSY")
    assert type(from_dev_failed(failed)) is Busy
