"""Files over HTTP: what h5web asks for is answered, and nothing outside the data folders is reached."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import httpx
import numpy as np
import psutil
import pytest
from starlette.applications import Starlette

from ronda.shell.view.access import Access, Role
from ronda.shell.view.file_routes import LARGEST, FileRoutes
from ronda.shell.view.files import DataFolders

Get = Callable[..., httpx.Response]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with a file, beside which lie secrets."""
    folder = tmp_path / "data"
    folder.mkdir()
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["hidden"] = np.arange(5)
        file["hidden"].attrs["word"] = "swordfish"
    (tmp_path / "secret.bin").write_bytes(b"swordfish" * 10)
    with h5py.File(folder / "part.h5", "w") as file:
        file["frames"] = np.arange(6).reshape(2, 3)
    with h5py.File(folder / "scan.h5", "w") as file:
        file["entry/diode"] = np.array([1.5, 2.5, np.nan])
        file["entry/diode"].attrs["units"] = "A"
        file["entry/title"] = "ascan"
        file["soft"] = h5py.SoftLink("/entry/diode")
        file["round"] = h5py.SoftLink("/round")
        file["inside"] = h5py.ExternalLink("part.h5", "/frames")
        file["missing"] = h5py.ExternalLink("later.h5", "/frames")
        file["outside"] = h5py.ExternalLink("../secret.h5", "/hidden")
        file["absolute"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "/hidden")
        file["all"] = h5py.ExternalLink("../secret.h5", "/")
        file["through"] = h5py.SoftLink("/all/hidden")
        for name, source in (("virtual", "part.h5"), ("stolen", "../secret.h5")):
            layout = h5py.VirtualLayout((2, 3) if name == "virtual" else (5,), "i8")
            inner, shape = ("frames", (2, 3)) if name == "virtual" else ("hidden", (5,))
            layout[...] = h5py.VirtualSource(source, inner, shape)
            file.create_virtual_dataset(name, layout)
        file.create_dataset("raw", (40,), "u1", external=[(str(tmp_path / "secret.bin"), 0, 40)])
    return folder


@pytest.fixture
def get(data: Path) -> Iterator[Get]:
    """`get(what, **parameters)` asks as a page does that needs no token."""
    yield from _getting(Access({Role.VIEWER: "look", Role.OPERATOR: "move"}), data)


def _getting(access: Access, data: Path) -> Iterator[Get]:
    files = FileRoutes(access, DataFolders([data]), None)  # type: ignore[arg-type]
    app = Starlette(routes=files.routes())

    def get(what: str, headers: dict[str, str] | None = None, **parameters: str) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
                return await client.get(f"/files/{what}", params=parameters, headers=headers)

        return asyncio.run(ask())

    yield get
    files.close()


def names(answer: httpx.Response) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in answer.json()["children"]}


def test_groups_datasets_and_attributes_are_told(get: Get) -> None:
    root = names(get("meta", file="scan.h5", path="/"))
    assert root["entry"]["kind"] == "group"
    assert (root["soft"]["kind"], root["soft"]["shape"]) == ("dataset", [3])
    assert (root["inside"]["kind"], root["inside"]["shape"]) == ("dataset", [2, 3])
    assert get("attr", file="scan.h5", path="/entry/diode").json() == {"units": "A"}
    assert get("data", file="scan.h5", path="/entry/title").json() == "ascan"
    raw = get("data", file="scan.h5", path="/soft", format="bin", dtype="safe", selection="0:2").content
    np.testing.assert_array_equal(np.frombuffer(raw), [1.5, 2.5])
    assert get("data", file="scan.h5", path="/inside").json() == [[0, 1, 2], [3, 4, 5]]
    assert get("data", file="scan.h5", path="/virtual", flatten="true").json() == [0, 1, 2, 3, 4, 5]
    assert get("stats", file="scan.h5", path="/entry/diode").json()["max"] == 2.5
    assert "/entry/diode" in get("paths", file="scan.h5").json()


@pytest.mark.parametrize("link", ["outside", "absolute", "all", "missing", "through", "round"])
def test_links_that_lead_nowhere_or_outside_are_links_and_no_more(get: Get, link: str) -> None:
    shown = names(get("meta", file="scan.h5", path="/"))[link]
    assert shown["kind"] in ("external_link", "soft_link")
    assert "shape" not in shown
    for answer in (get("data", file="scan.h5", path=f"/{link}"), get("data", file="scan.h5", path=f"/{link}/hidden")):
        assert answer.status_code == 404
    assert "swordfish" not in get("meta", file="scan.h5", path=f"/{link}").text
    assert get("attr", file="scan.h5", path=f"/{link}").json() == {}


@pytest.mark.parametrize("dataset", ["stolen", "raw"])
def test_data_that_lie_outside_are_not_read(get: Get, dataset: str) -> None:
    for what in ("data", "stats"):
        answer = get(what, file="scan.h5", path=f"/{dataset}")
        assert answer.status_code == 403
        assert answer.json() == {"message": f"/{dataset}: has data in files that are not in the data folders"}


@pytest.mark.parametrize(
    "name",
    [
        *("../secret.h5", "/etc/passwd", "{outside}/secret.h5", "x/../../secret.h5", "link.h5", "folder/secret.h5"),
        *("", ".", "pipe.h5", "a\0b", "nosuch.h5"),
    ],
)
def test_a_file_outside_is_not_to_be_had(get: Get, data: Path, name: str) -> None:
    (data / "link.h5").symlink_to(data.parent / "secret.h5")
    (data / "folder").symlink_to(data.parent, target_is_directory=True)
    os.mkfifo(data / "pipe.h5")
    answer = get("meta", file=name.format(outside=data.parent))
    assert answer.status_code == 404
    assert "there is none of this name in the data folders" in answer.json()["message"]


def test_a_link_to_a_link_outside_is_not_followed(get: Get, data: Path) -> None:
    with h5py.File(data / "second.h5", "w") as file:
        file["door"] = h5py.ExternalLink("../secret.h5", "/")
    with h5py.File(data / "first.h5", "w") as file:
        file["step"] = h5py.ExternalLink("second.h5", "/door/hidden")
        layout = h5py.VirtualLayout((5,), "i8")
        layout[...] = h5py.VirtualSource("second.h5", "door/hidden", (5,))
        file.create_virtual_dataset("mixed", layout)
    assert names(get("meta", file="first.h5"))["step"]["kind"] == "external_link"
    assert get("data", file="first.h5", path="/step").status_code == 404
    assert get("data", file="first.h5", path="/mixed").status_code == 403


def test_a_file_that_is_written_is_read_and_stays_the_writers(get: Get, data: Path) -> None:
    with h5py.File(data / "running.h5", "w", locking=False) as file:
        file.create_dataset("diode", (2,), "f8", maxshape=(None,), chunks=(4,))[:] = [1, 2]
        file.flush()
        assert get("data", file="running.h5", path="/diode").json() == [1, 2]
        file["diode"].resize((3,))
        file["diode"][2] = 3
        file.flush()
        assert get("data", file="running.h5", path="/diode").json() == [1, 2, 3]
        opened = [one.path for one in psutil.Process().open_files() if one.path.endswith("running.h5")]
        assert len(opened) == 1  # the writer's own


def test_what_is_too_large_for_an_answer_is_told(get: Get, data: Path) -> None:
    with h5py.File(data / "large.h5", "w") as file:
        file.create_dataset("frames", (1000, LARGEST // 100), "u1", chunks=(1, LARGEST // 100))
    answer = get("data", file="large.h5", path="/frames", format="bin")
    assert answer.status_code == 422
    assert "are too many for one answer" in answer.json()["message"]
    assert get("data", file="large.h5", path="/frames", format="bin", selection="0").status_code == 200
    assert get("data", file="large.h5", path="/frames", selection="0").status_code == 422  # as text


def test_what_is_no_hdf5_is_told(get: Get, data: Path) -> None:
    (data / "notes.h5").write_text("swordfish")
    answer = get("meta", file="notes.h5")
    assert answer.status_code == 503
    assert "notes.h5: cannot be read as HDF5" in answer.json()["message"]
    assert get("meta", file="scan.h5", path="/nosuch").status_code == 404
    assert get("data", file="scan.h5", path="/entry").status_code == 404
    assert get("data", file="scan.h5", path="/soft", selection="x").status_code in (422, 500)


def test_tokens_and_other_sites(data: Path) -> None:
    access = Access({Role.VIEWER: "look", Role.OPERATOR: "move"}, open_to_look=False)
    for get in _getting(access, data):
        bearer = {"Authorization": "Bearer look"}
        assert get("meta", file="scan.h5").status_code == 401
        assert get("meta", {"Authorization": "Bearer guess"}, file="scan.h5").status_code == 401
        assert get("meta", bearer, file="scan.h5").status_code == 200
        assert get("meta", {**bearer, "Sec-Fetch-Site": "same-origin"}, file="scan.h5").status_code == 200
        refused = get("meta", {**bearer, "Sec-Fetch-Site": "cross-site"}, file="scan.h5")
        assert refused.status_code == 403
        assert "scan.h5" not in refused.text
