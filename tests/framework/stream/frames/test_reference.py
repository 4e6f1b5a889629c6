"""The reference page is enough to read rings and to ask frame servers: this client uses none of our code for that."""

import json
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

LENGTH = 2 * 16 * 24
SLOT = 4096


def test_a_foreign_client_reads_the_ring(stream, store, camera, frames, publish):
    scan = stream.open_scan(camera())
    publish(scan.publisher("cam", ring=store.ring("cam", LENGTH, 6 * SLOT)), 0, 10)
    (reference,) = scan.read("image", 7, 8)
    raw = Path(f"/dev/shm/ronda-{os.getuid()}/{reference.address}").read_bytes()
    assert raw[:8] == b"RONDARNG"
    version, length = struct.unpack_from("<II", raw, 8)
    slots, step, table, first = struct.unpack_from("<QQQQ", raw, 16)
    heading = json.loads(raw[48 : 48 + length])
    assert (version, slots) == (2, 6)
    assert heading == {"device": "cam", "host": reference.host, "frame_bytes": LENGTH}
    slot = reference.first % slots
    state, size, packed, index, owner = struct.unpack_from("<QIIQ40s", raw, table + 64 * slot)
    assert (state, size, packed, index) == (2 * reference.first + 2, LENGTH, 0, 7)
    assert owner.rstrip(b"\0").decode() == scan.identifier
    pixels = np.frombuffer(raw, "<u2", LENGTH // 2, first + step * slot).reshape(16, 24)
    assert np.array_equal(pixels, frames(7, 8)[0])


def test_a_foreign_client_asks_the_server(stream, store, camera, frames, publish):
    scan = stream.open_scan(camera())
    publish(scan.publisher("cam", ring=store.ring("cam", LENGTH, 6 * SLOT)), 0, 10)
    references = scan.read("image", 3, 10)
    first = references[0]
    address, port = first.host.split(":")
    with socket.create_connection((address, int(port)), 5) as connection, connection.makefile("rb") as answers:

        def ask(place: int, count: int) -> dict:
            request = {"ring": first.address, "first": place, "count": count, "bytes": LENGTH}
            connection.sendall(json.dumps(request).encode() + b"\n")
            return json.loads(answers.readline())

        lost = ask(first.first, 7)
        assert lost["status"] == "lost"
        assert "was overwritten" in lost["sentence"]
        answer = ask(first.first + 1, 6)
        assert answer == {"status": "ok", "count": 6, "bytes": LENGTH, "slots": 6}
        pixels = np.frombuffer(answers.read(6 * LENGTH), "<u2").reshape(6, 16, 24)
        assert np.array_equal(pixels, frames(4, 10))


GREENLETS = """
import gevent.monkey
gevent.monkey.patch_all(thread=False)
import sys
import gevent
import numpy as np
from ronda.framework.stream import Stream
from ronda.framework.stream.frames import reader
reader.find_ring = lambda name: None

stream = Stream.connect(sys.argv[1])
image = stream.scan("last")["measurement/image"]
ticks = 0

def tick():
    global ticks
    while True:
        gevent.sleep(0)
        ticks += 1

gevent.spawn(tick)
jobs = [gevent.spawn(lambda i=i: int(image[i].sum())) for i in range(20)]
gevent.joinall(jobs, timeout=60, raise_error=True)
print([job.value for job in jobs])
assert ticks > 20, ticks
"""


def test_greenlets_read_frames_from_the_server_side_by_side(stream, url, store, camera, frames, publish):
    pytest.importorskip("gevent")
    scan = stream.open_scan(camera())
    publish(scan.publisher("cam", ring=store.ring("cam", LENGTH)), 0, 20)
    done = subprocess.run([sys.executable, "-c", GREENLETS, url], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [int(image.sum()) for image in frames(0, 20)]
