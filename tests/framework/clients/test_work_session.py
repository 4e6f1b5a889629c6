"""Sessions as clients see them: which objects they have, and which scripts run first."""

from types import SimpleNamespace

from ronda.framework.clients.work_session import WorkSession


def of_kind(kind):
    return SimpleNamespace(remote=SimpleNamespace(device=f"tango://host:1/demo/{kind}/any"))


OBJECTS = {"samx": of_kind("axis"), "samy": of_kind("axis"), "s1u": of_kind("axis"), "shutter": of_kind("shutter")}

SESSIONS = {
    "everything": {},
    "base": {"include": ["sam*", "kind:shutter"], "setup": "base.py"},
    "fine": {"sessions": ["base"], "include": ["s1u"], "exclude": ["samy"], "setup": "fine.py"},
    "same": {"sessions": ["base", "fine"]},
    "still": {"exclude": ["kind:axis"]},
}


def names_in(session):
    return list(WorkSession.of(session, SESSIONS).chosen(OBJECTS))


def test_a_session_without_a_choice_has_everything():
    assert names_in("everything") == list(WorkSession().chosen(OBJECTS)) == list(OBJECTS)


def test_objects_are_chosen_by_name_pattern_and_kind():
    assert names_in("base") == ["samx", "samy", "shutter"]
    assert names_in("still") == ["shutter"]


def test_a_session_has_what_those_have_that_it_includes_but_for_what_it_leaves_out():
    assert names_in("fine") == ["samx", "s1u", "shutter"]
    assert names_in("same") == list(OBJECTS)


def test_each_script_runs_once_those_of_included_sessions_first():
    assert WorkSession.of("same", SESSIONS).setups == ("base.py", "fine.py")
