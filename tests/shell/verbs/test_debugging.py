"""The commands about logs."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest
from rich.console import Console

from ronda.framework.clients.axis import Axis
from ronda.framework.clients.counter import Counter
from ronda.framework.clients.device import Device
from ronda.framework.clients.remote import TALK, Remote
from ronda.framework.errors import BadValue, CommunicationFailed, NotFound
from ronda.shell.verbs.debugging import DebuggingCommands


class Admin:
    """Stands for the device with which Tango administers a server."""

    def __init__(self):
        self.levels = {}
        self.dead = False

    def command(self, name, argument):
        if self.dead:
            raise CommunicationFailed("counters: does not answer;\nsee `ronda status`")
        if name == "GetLoggingLevel":
            return [self.levels.get(device, 3) for device in argument], argument
        assert name == "SetLoggingLevel"
        levels, devices = argument
        self.levels |= dict(zip(devices, levels, strict=True))
        return None


class Agent:
    """Stands for a host's agent."""

    def command(self, name, argument=None):
        if name == "ListServers":
            return ["motors", "counters"]
        assert name == "ReadLog"
        return [f"line of {argument[0]}"] * int(argument[1])


def remote(name):
    return Remote(name, f"tango://host:1/demo/any/{name}", None)


@pytest.fixture
def admins():
    return {"dserver/Ronda/demo-motors": Admin(), "dserver/Ronda/demo-counters": Admin()}


@pytest.fixture
def beamline(admins):
    card = Device(remote("ct1"), "CounterCard")
    samx = Axis(remote("samx"), {"unit": "mm"}, group=remote("mc1"))
    objects = {
        "samx": samx,
        "mc1": Device(remote("mc1"), "MotorController"),
        "ct1": card,
        "i0": Counter("i0", "ct1", "i0", "count", card.remote),
    }
    servers = {"samx": "motors", "mc1": "motors", "ct1": "counters"}
    return SimpleNamespace(
        name="demo",
        objects=objects,
        servers={f"demo/any/{name}": f"Ronda/demo-{server}" for name, server in servers.items()},
        remote=lambda name, address: admins[address],
        agents=lambda: [Agent()],
    )


@pytest.fixture
def commands(beamline, output, tmp_path):
    made = DebuggingCommands(beamline, Console(file=output, width=100), {"XDG_STATE_HOME": str(tmp_path)})
    yield made
    made.close()


def debugged(admins):
    return {device for admin in admins.values() for device, level in admin.levels.items() if level == 5}


def test_devices_that_are_given_log_all_that_passes_and_it_says_where(commands, beamline, admins, output):
    commands.debugon(beamline.objects["samx"], beamline.objects["i0"])

    assert debugged(admins) == {"demo/any/samx", "demo/any/ct1"}
    said = output.getvalue()
    assert "samx: all that passes goes into the log of motors, see lslog('motors')" in said
    assert "ct1: all that passes goes into the log of counters" in said
    assert "what passes to the hardware is told by mc1: debugon(mc1)" in said


def test_a_pattern_stands_for_all_names_that_match(commands, admins):
    commands.debugon("*c*1")
    assert debugged(admins) == {"demo/any/mc1", "demo/any/ct1"}


def test_debugoff_alone_ends_all_even_if_a_server_is_down(commands, admins, output):
    commands.debugon("*")
    admins["dserver/Ronda/demo-counters"].dead = True
    commands.debugoff()

    assert debugged(admins) == {"demo/any/ct1"}
    assert "!ERR  counters: does not answer; see `ronda status`" in output.getvalue()


def test_lslog_shows_who_logs_all_that_passes(commands, admins, output):
    commands.debugon("samx")
    output.truncate(0)
    admins["dserver/Ronda/demo-counters"].dead = True
    commands.lslog()

    rows = [line.split(None, 2) for line in output.getvalue().splitlines()]
    assert ["motors", "2", "samx"] in [[cell.strip() for cell in row] for row in rows]
    assert any(row[0].endswith("counters") and row[2].startswith("!ERR") for row in rows)


def test_lslog_shows_the_last_lines_of_the_log_of_a_device_or_server(commands, beamline, output):
    commands.lslog(beamline.objects["i0"], 2)
    commands.lslog("motors", 1)
    assert output.getvalue().splitlines() == ["line of counters", "line of counters", "line of motors"]


def test_names_that_nobody_has_are_refused(commands):
    with pytest.raises(NotFound, match="debugon: nothing there is called smax; lsobj"):
        commands.debugon("smax")
    with pytest.raises(BadValue, match="debugoff: takes devices or patterns of their names, not 3"):
        commands.debugoff(3)
    with pytest.raises(NotFound, match="lslog: there is no server 'nn'; there are motors, counters"):
        commands.lslog("nn")


def test_what_the_shell_asks_of_devices_goes_into_a_file_until_debugoff(commands, output, tmp_path):
    class Proxy:
        def get_green_mode(self):
            return None

        def state(self):
            return "ON"

    asked = Remote("samx", "demo/axis/samx", lambda _: Proxy())
    asked.state()
    commands.debugon()
    asked.state()
    commands.debugoff()
    asked.state()

    lines = (tmp_path / "ronda" / "shell-demo.log").read_text().splitlines()
    assert len(lines) == 1
    assert f"{TALK}.samx: State, " in lines[0]
    assert "shell-demo.log; debugoff() ends it" in " ".join(output.getvalue().split())
    assert not logging.getLogger(f"{TALK}.samx").isEnabledFor(logging.DEBUG)
