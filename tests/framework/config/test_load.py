"""Loading a right beamline: what the rest of the system gets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ronda.framework.config.kinds import available_drivers, available_kinds, load_kind
from ronda.framework.config.load import check, load_beamline
from ronda.framework.config.source import digest_of
from ronda.framework.config.writeback import place_in_files, save_values
from ronda.framework.errors import ConfigurationError, NotFound

pytestmark = pytest.mark.usefixtures("example_kinds")

TOP = "version: 1\nbeamline: {name: demo}\n"
SIMULATORS = "simulators: {seed: 3, instruments: {motion: {type: motor_controller, axes: 8}}}\n"
MOTORS = """
servers:
  motors:
    description: Stages
    devices:
      mc1:
        kind: motor
        driver: simulated
        address: simulator:motion
        axes: {samx: {channel: 1, limits: [-1, 1]}, samy: {channel: 2}}
"""
COUNTERS = "servers: {counters: {devices: {ct1: {kind: counter, monitor: samx}}}}\n"


def test_the_files_of_a_folder_make_one_beamline(folder_of: Callable[..., Path]) -> None:
    folder = folder_of(a=COUNTERS, b=MOTORS, c=SIMULATORS, d=TOP)

    beamline = load_beamline(Path(), {})

    assert beamline.name == "demo"
    assert beamline.folder == folder
    assert beamline.files == [folder / f"{name}.yml" for name in "abcd"]
    assert beamline.digests[folder / "d.yml"] == digest_of(TOP.encode())
    assert beamline.simulators is not None
    assert beamline.simulators.seed == 3
    assert beamline.simulators.instruments == {"motion": {"type": "motor_controller", "axes": 8}}
    motors = beamline.servers["motors"]
    assert str(motors.location) == f"{folder / 'b.yml'}:3:3"
    assert [device.name for device in motors.devices[0].tango_devices] == ["mc1", "samx", "samy"]
    assert beamline.tango_name(motors.devices[0].tango_devices[1]) == "demo/axis/samx"
    assert motors.devices[0].location.line == 6
    assert motors.parameters.devices == {"mc1": motors.devices[0].entry}
    assert check(folder, {}) == []


def test_a_server_needs_those_whose_devices_it_refers_to_and_comes_after_them(folder_of: Callable[..., Path]) -> None:
    servers = load_beamline(folder_of(a=COUNTERS, b=MOTORS, c=SIMULATORS, d=TOP), {}).servers

    assert list(servers) == ["motors", "counters"]
    assert servers["counters"].needs == ["motors"]
    assert servers["motors"].needs == []


def test_given_and_following_needs_stand_together_once(folder_of: Callable[..., Path]) -> None:
    counters = (
        "servers: {counters: {needs: [motors, other], devices: {ct1: {kind: counter, monitor: samx}}}, other: {}}"
    )

    servers = load_beamline(folder_of(a=counters, b=MOTORS, c=SIMULATORS, d=TOP), {}).servers

    assert servers["counters"].needs == ["motors", "other"]
    assert list(servers) == ["motors", "other", "counters"]


def test_a_server_is_simulated_if_an_address_names_a_simulator(folder_of: Callable[..., Path]) -> None:
    real = MOTORS.replace("motors", "real").replace("mc1", "mc2").replace("sam", "x").replace("simulator:motion", "h:1")

    servers = load_beamline(folder_of(a=COUNTERS, b=MOTORS, c=SIMULATORS, d=TOP, e=real), {}).servers

    assert {name: server.simulated for name, server in servers.items()} == {
        "motors": True, "counters": False, "real": False,
    }  # fmt: skip


def test_references_to_devices_of_the_same_server_are_no_needs(folder_of: Callable[..., Path]) -> None:
    motors = MOTORS.replace("{channel: 2}", "{channel: 2, follows: samx}")

    assert load_beamline(folder_of(b=motors, c=SIMULATORS, d=TOP), {}).servers["motors"].needs == []


def test_without_hosts_there_is_one_that_runs_everything(folder_of: Callable[..., Path]) -> None:
    beamline = load_beamline(folder_of(b=MOTORS, c=SIMULATORS, d=TOP), {})

    assert list(beamline.hosts) == ["local"]
    assert beamline.hosts["local"].services
    assert beamline.servers["motors"].host == "local"


def test_a_single_host_runs_everything_without_saying_so(folder_of: Callable[..., Path]) -> None:
    top = "version: 1\nbeamline: {name: demo, hosts: {lab1: {address: 10.0.0.1}}}\n"
    beamline = load_beamline(folder_of(b=MOTORS, c=SIMULATORS, d=top), {})

    assert beamline.hosts["lab1"].services
    assert beamline.hosts["lab1"].address == "10.0.0.1"
    assert beamline.servers["motors"].host == "lab1"


def test_several_hosts_share_the_servers(folder_of: Callable[..., Path]) -> None:
    top = """
version: 1
beamline:
  name: demo
  services: {tango: {port: 20000}, redis: {url: "redis://lab1"}}
  hosts: {lab1: {}, lab2: {services: true}}
servers: {motors: {host: lab1}, counters: {host: lab2}}
"""

    servers = load_beamline(folder_of(a=top), {}).servers

    assert {name: server.host for name, server in servers.items()} == {"motors": "lab1", "counters": "lab2"}


def test_sections_that_are_empty_are_no_harm(folder_of: Callable[..., Path]) -> None:
    beamline = load_beamline(folder_of(a=TOP + "servers:\nsimulators:\n", b="servers: {motors: {devices: }}"), {})

    assert beamline.simulators is None
    assert beamline.servers["motors"].devices == []


def test_links_back_to_a_folder_above_are_followed_once(folder_of: Callable[..., Path]) -> None:
    folder = folder_of(a=TOP)
    (folder / "again").symlink_to(folder)

    assert load_beamline(folder, {}).files == [folder / "a.yml"]


def test_a_value_can_be_saved_where_a_device_is_described(folder_of: Callable[..., Path]) -> None:
    folder = folder_of(b=MOTORS, c=SIMULATORS, d=TOP)
    beamline = load_beamline(folder, {})

    file, path = place_in_files(beamline, "samx")
    save_values(file, {path: {"limits": [-1, 0.5], "velocity": 2.0}}, beamline.digests[file])

    assert path == ("servers", "motors", "devices", "mc1", "axes", "samx")
    assert "samx: {channel: 1, limits: [-1, 0.5], velocity: 2.0}, samy" in file.read_text(encoding="utf-8")
    assert place_in_files(beamline, "mc1") == (folder / "b.yml", path[:4])


def test_the_place_of_an_unknown_device_is_refused(folder_of: Callable[..., Path]) -> None:
    beamline = load_beamline(folder_of(d=TOP), {})

    with pytest.raises(NotFound, match="no device of demo is called 'samq'"):
        place_in_files(beamline, "samq")


def test_the_kinds_and_drivers_there_are_can_be_listed() -> None:
    assert available_kinds() == ["counter", "motor"]
    assert available_drivers("motor") == ["acme", "broken", "raising", "simulated", "twice"]
    assert available_drivers("counter") == []


@pytest.mark.parametrize("name", ["", "..motor", "Motor", "motor.drivers", "nothing"])
def test_what_is_no_kind_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="there is no kind of device called"):
        load_kind(name)


def test_a_driver_of_ones_own_is_found_by_its_path(folder_of: Callable[..., Path]) -> None:
    own = MOTORS.replace("driver: simulated", "driver: example_kinds.motor.drivers.simulated:Simulated")

    entry = load_beamline(folder_of(b=own, c=SIMULATORS, d=TOP), {}).servers["motors"].devices[0].entry

    assert entry.model_dump()["address"] == "simulator:motion"
