"""What users set at run time: it survives everything, goes into the file when they say so, and back when they say so."""

import os
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ronda.framework.clients.axis import Axis
from ronda.framework.clients.beamline import Beamline
from ronda.framework.errors import ConfigurationError, RondaError, ServiceFailed
from ronda.framework.host.process import marked

DEMO = Path(__file__).parents[2] / "config" / "demo"


class Own:
    """A beamline of these tests: they change its files, and kill its servers."""

    def __init__(self, ronda: Any, folder: Path) -> None:
        shutil.copytree(DEMO, folder, ignore=shutil.ignore_patterns(".ronda", "data"))
        self.folder, self.ronda = folder, ronda
        ronda("up", folder, "--detach")
        exports = ronda.exports(folder)
        redis = exports["RONDA_REDIS_URL"].strip("'")
        self.beamline = Beamline.connect(exports["TANGO_HOST"], redis, "demo", os.environ)
        self.told: list[str] = []
        self.beamline.tell = self.told.append

    @property
    def file(self) -> Path:
        return self.folder / "motors.yml"

    def entry(self, axis: str) -> str:
        """What the file says about an axis."""
        found = re.search(rf"^          {axis}:\n(?:            .*\n)*", self.file.read_text(), re.MULTILINE)
        assert found is not None
        return found[0]

    def kill(self, name: str, wait_for: Any) -> None:
        before = self.ronda.servers(self.folder)[name]["pid"]
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: self.ronda.servers(self.folder)[name]["pid"] not in (0, before), 150, f"another {name}")


@pytest.fixture(scope="module")
def own(ronda: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Own]:
    folder = tmp_path_factory.mktemp("settings") / "demo"
    try:
        made = Own(ronda, folder)
        yield made
        made.beamline.close()
    finally:
        ronda("down", folder, code=None)


@pytest.fixture
def samx(own: Own, wait_for: Any) -> Axis:
    found = own.beamline["samx"]
    assert isinstance(found, Axis)
    wait_for(lambda: answers(found), 150, "samx")
    if found.diff():
        found.revert()
    own.told.clear()
    return found


def answers(axis: Axis) -> bool:
    try:
        return axis.state == "ON"
    except RondaError:
        return False


def test_they_survive_a_crash_of_server_and_database(own: Own, samx: Axis, wait_for: Any) -> None:
    samx.velocity = 1.25
    samx.limits = (-4, 6)
    samx.offset = 0.5
    samx.fix("glued to the cryostat")
    own.kill("tango-database", wait_for)
    own.kill("motors", wait_for)
    wait_for(lambda: answers(samx), 150, "samx again")

    assert (samx.velocity, samx.limits, samx.offset) == (1.25, (-3.5, 6.5), 0.5)
    assert samx.fixed.startswith("glued to the cryostat (")
    assert samx.diff() == {"velocity": (2.0, 1.25), "limits": ([-10.0, 10.0], [-4.0, 6.0]), "offset": (0.0, 0.5)}
    samx.revert()
    assert samx.fixed, "going back to the file lets nothing move"
    samx.release()


def test_saving_writes_them_into_the_file_and_keeps_comments(own: Own, samx: Axis) -> None:
    others = own.entry("samy"), own.entry("rot")
    samx.velocity = 1.25
    samx.limits = (-4, 6)

    assert samx.save() == {"velocity": (2.0, 1.25), "limits": ([-10.0, 10.0], [-4.0, 6.0])}
    assert own.told == ["samx.velocity: 2.0 → 1.25 in the file", "samx.limits: [-10.0, 10.0] → [-4.0, 6.0] in the file"]
    assert re.search(r"velocity: 1\.25 +# mm/s\n", own.entry("samx"))
    assert re.search(r"limits: \[-4\.0, 6\.0\] +# mm; a target outside is refused\n", own.entry("samx"))
    assert (own.entry("samy"), own.entry("rot")) == others
    assert samx.diff() == {}
    assert (samx.velocity, samx.limits) == (1.25, (-4.0, 6.0))
    assert samx.save() == {}
    assert own.told[-1] == "samx runs by its file, there is nothing to save"


def test_going_back_takes_the_values_of_the_file(own: Own, samx: Axis) -> None:
    before = samx.velocity
    samx.velocity = 0.5

    assert samx.revert() == {"velocity": (0.5, before)}
    assert samx.velocity == before
    assert own.told == [f"samx.velocity: 0.5 → {before}, as in the file"]
    assert samx.revert() == {}


def test_the_command_line_does_the_same(own: Own, samx: Axis, ronda: Any) -> None:
    before = samx.velocity
    samx.velocity = 0.75
    assert ronda("config", "save", "samx", "-b", own.folder).stdout == f"samx.velocity: {before} → 0.75 in the file\n"
    samx.velocity = 0.5
    printed = ronda("config", "revert", "samx", "-b", own.folder).stdout

    assert printed == "samx.velocity: 0.5 → 0.75, as in the file\n"
    assert "has no device 'smax'" in ronda("config", "save", "smax", "-b", own.folder, code=1).stdout


def test_a_file_that_is_wrong_is_refused_and_nothing_is_lost(own: Own, samx: Axis) -> None:
    before = samx.velocity
    samx.velocity = 0.5
    good = own.file.read_text()
    own.file.write_text(good.replace("samx:", "samx: ["))
    try:
        with pytest.raises(ConfigurationError, match=r"motors\.yml"):
            samx.save()
    finally:
        own.file.write_text(good)
    assert samx.diff() == {"velocity": (before, 0.5)}


def test_without_the_agent_saving_is_refused_and_nothing_is_lost(
    own: Own, samx: Axis, halt: Callable[[int], None]
) -> None:
    before = samx.velocity
    samx.velocity = 0.5
    supervisors = [
        identity for _, name, identity in marked(own.folder / ".ronda" / "local") if name in ("keeper", "agent")
    ]
    for identity in supervisors:
        halt(identity.pid)
    try:
        with pytest.raises(ServiceFailed, match="samx: no agent of the beamline that runs the server motors answers"):
            samx.save()
    finally:
        for identity in supervisors:
            identity.signal(signal.SIGCONT)
    assert samx.diff() == {"velocity": (before, 0.5)}
