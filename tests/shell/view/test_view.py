"""The process of the live view: what pages are told of scans and axes, and what it refuses."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import hdf5plugin  # noqa: F401 - reads the images
import httpx
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.shell.view.conftest import Page, View


class Saved(NamedTuple):
    """The last scan that was taken."""

    number: int
    path: Path

    def over(self, shown: Page) -> Callable[[], bool]:
        """Whether a page shows all of it."""
        return lambda: is_ours(shown.heading, self.number) and shown.heading["over"]


def is_ours(line: dict[str, Any], number: int) -> bool:
    """Whether it is the scan of this number that was taken without a session: others of the number may be in memory."""
    return (line.get("number"), line.get("session"), line.get("dataset")) == (number, "", "")


def saved(told: str) -> Saved:
    """What the prompt said of the last scan."""
    number, path = re.findall(r"scan (\d+) saved: (\S+)", told)[-1]
    return Saved(int(number), Path(path))


def test_a_page_has_every_number_of_the_file(view: View, page: Callable[..., Page]) -> None:
    shown = page()
    scan = saved(view.run("ascan(samy, -0.5, 0.8, 40, 0.01, diode, i0); mv(samy, 0)"))
    shown.until(lambda: scan.over(shown)() and shown.heading["state"] == "COMPLETED")  # either may come first
    assert shown.heading["plot"] == {"signals": ["diode", "i0"], "axes": ["samy"]}
    with h5py.File(scan.path) as file:
        entry = file[next(iter(file))]
        for name in ("samy", "diode", "i0", "elapsed_time"):
            np.testing.assert_array_equal(shown.columns[name].part(0, 99), entry[f"measurement/{name}"][:], name)


def test_a_page_that_comes_late_has_the_whole_scan_and_the_latest_of_its_arrays(
    view: View, page: Callable[..., Page]
) -> None:
    scan = saved(view.run("loopscan(4, 0.02, cam, mca)"))
    shown = page()
    shown.ask(do="arrays", channels=["cam", "mca"])
    shown.until(scan.over(shown))
    shown.until(lambda: all(shown.arrays.get(name, (-1,))[0] == 3 for name in ("cam", "mca")))
    shown.until(lambda: "cam_x" in shown.columns and shown.columns["cam_x"].length == 4)
    with h5py.File(scan.path) as file:
        entry = file[next(iter(file))]
        np.testing.assert_array_equal(shown.arrays["cam"][1], entry["measurement/cam"][3])
        np.testing.assert_array_equal(shown.arrays["mca"][1], entry["measurement/mca"][3])


def test_an_earlier_scan_can_be_looked_at_and_the_newest_again(view: View, page: Callable[..., Page]) -> None:
    scan = saved(view.run("loopscan(2, 0.01, diode); loopscan(3, 0.01, diode)"))
    shown = page()
    shown.until(scan.over(shown))
    earlier = next(one for one in shown.scans if is_ours(one, scan.number - 1))
    shown.ask(do="show", scan=earlier["scan"])
    shown.until(lambda: shown.heading["scan"] == earlier["scan"] and "diode" in shown.columns)
    assert shown.columns["diode"].length == 2
    shown.ask(do="show", scan="newest")
    shown.until(scan.over(shown))


def test_figures_of_a_curve_are_those_of_the_prompt(view: View, page: Callable[..., Page]) -> None:
    told = view.run("ascan(samy, -1, 1, 40, 0.05, diode); mv(samy, 0); print('cen', cen(diode), fwhm(diode))")
    shown = page()
    shown.until(saved(told).over(shown))
    figures = shown.ask(do="figures", x="samy", y="diode")["figures"]
    centre, width = map(float, re.findall(r"^cen (\S+) (\S+)$", told, re.MULTILINE)[-1])
    assert figures["cen"] == pytest.approx(centre, rel=1e-12)
    assert figures["fwhm"] == pytest.approx(width, rel=1e-12)


def test_axes_are_seen_moving_and_an_operator_moves_and_stops_them(
    view: View, page: Callable[..., Page], demo: Any, wait_for: Callable[..., Any]
) -> None:
    shown = page(view.token)
    shown.until(lambda: shown.axes.get("samx", {}).get("state") == "ON")
    assert shown.axes["samx"]["limits"] == [-10.0, 10.0]
    samx = demo.device("samx")
    velocity, samx.Velocity = samx.Velocity, 0.05  # slower than any machine
    try:
        assert shown.ask(do="move", axis="samx", to=8.0) == {"type": "answer", "number": None, "arrays": []}
        shown.until(lambda: shown.axes["samx"]["state"] == "MOVING")
        assert "error" not in shown.ask(do="stop", axis="samx")
        shown.until(lambda: shown.axes["samx"]["state"] == "ON")
    finally:
        samx.Stop()
        wait_for(lambda: samx.State().name == "ON", 150, "samx stands")
        samx.Velocity = velocity
    assert shown.axes["samx"]["position"] < 8.0
    assert "error" not in shown.ask(do="move", axis="samx", to=0)
    shown.until(lambda: shown.axes["samx"]["position"] == 0.0 and shown.axes["samx"]["state"] == "ON")
    error = shown.ask(do="move", axis="samx", to=99)["error"]
    assert error == "samx: cannot move to 99.0 mm, outside limits [-10.0, 10.0] mm"
    assert "give a position in mm" in shown.ask(do="move", axis="samx", to="far")["error"]
    assert "give a position in mm" in shown.ask(do="move", axis="samx", to=10**400)["error"]
    assert "there is none of this name" in shown.ask(do="stop", axis="nobody")["error"]


@pytest.mark.parametrize("order", [{"do": "move", "axis": "samx", "to": 1.0}, {"do": "stop", "axis": "samx"}])
def test_who_only_looks_can_neither_move_nor_stop(
    view: View, page: Callable[..., Page], demo: Any, order: dict[str, Any]
) -> None:
    shown = page()
    before = demo.device("samx").Position
    error = shown.ask(**order)["error"]
    assert "this page may only look; open it with the address that `ronda view` shows for operators" in error
    assert demo.device("samx").Position == before


def test_a_wrong_token_sees_nothing(page: Callable[..., Page]) -> None:
    shown = page("guess")
    assert shown.answers[-1]["role"] == "nobody"
    assert "may not even look" in shown.ask(do="show", scan="newest")["error"]
    with pytest.raises(TimeoutError):
        shown.socket.recv(timeout=1)
    assert (shown.scans, shown.axes, shown.heading) == ([], {}, {})


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '"stop"', "x" * 12_000, "[" * 9000, '{"do": "enter", "number": NaN}'],
)
def test_what_is_no_order_is_told_and_the_page_lives_on(view: View, page: Callable[..., Page], text: str) -> None:
    shown = page()
    shown.socket.send(text)
    shown.until(lambda: len(shown.answers) == 2)
    assert shown.answers[-1]["error"].startswith("live view: ")
    assert "there are enter, show, arrays, " in shown.ask(do="dance")["error"]


def test_a_page_of_another_site_cannot_connect(view: View) -> None:
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(f"ws://{view.host}/view", open_timeout=150, origin="http://attacker.org"),  # type: ignore[arg-type]
    ):
        pass
    assert refused.value.response.status_code == 403


def test_another_name_that_points_here_is_refused(view: View) -> None:
    answer = httpx.get(view.address, headers={"Host": "attacker.org"}, timeout=60)
    assert answer.status_code == 421
    assert answer.text == "the live view is not served as 'attacker.org'\n"
    host, port = view.host.split(":")
    with (
        pytest.raises(InvalidStatus),
        connect(f"ws://attacker.org:{port}/view", open_timeout=150, address=(host, int(port))),
    ):
        pass


@pytest.mark.parametrize(
    "path", ["../view.py", "..%2f..%2fapp.py", "%2e%2e/%2e%2e/app.py", "....//app.py", "/etc/passwd", "..%5capp.py"]
)
def test_no_file_beside_the_page_can_be_had(view: View, path: str) -> None:
    host, port = view.host.split(":")
    with socket.create_connection((host, int(port))) as raw:  # an HTTP library would tidy the path up
        raw.sendall(f"GET /{path} HTTP/1.1\r\nHost: {view.host}\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while piece := raw.recv(65536):
            answer += piece
    assert answer.split(b" ")[1] in (b"400", b"404")
    assert b"import" not in answer
    assert b"root:" not in answer


def test_browsers_are_told_to_take_nothing_from_elsewhere(view: View) -> None:
    headers = httpx.get(view.address, timeout=60).headers
    assert headers["content-security-policy"].startswith("default-src 'self'")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


def test_a_flood_from_a_page_ends_its_connection_alone(view: View, page: Callable[..., Page]) -> None:
    other, shown = page(), page()
    with pytest.raises(ConnectionClosed):  # while this is still being sent, or while its answer is awaited
        shown.ask(do="x" * 100_000)
    assert "error" not in other.ask(do="show", scan="newest")


def test_a_port_in_use_is_told(view: View, demo: Any, ronda: Any) -> None:
    port = view.host.partition(":")[2]
    told = ronda("view", demo.folder, "--port", port, code=1).stdout
    assert told == (
        f"ronda: live view: cannot listen on 127.0.0.1 port {port} (Address already in use); is it in use? give "
        "another one with --port\n"
    )


def test_on_all_interfaces_it_wants_to_know_its_names(demo: Any, ronda: Any) -> None:
    told = ronda("view", demo.folder, "--listen", "0.0.0.0", "--port", "0", code=1).stdout
    assert told == "ronda: live view: who listens on 0.0.0.0 must say by which names it is reached; give --name\n"
