"""Scans in a patched process: greenlets run while a scan does, and it renews its lease."""

import os
import subprocess
import sys

PROGRAM = """
import gevent.monkey
gevent.monkey.patch_all(thread=False)
import os, time
import gevent
import tango.gevent
from ronda.framework.clients.beamline import Beamline
from ronda.framework.scan.standard import Scans
from ronda.framework.scan.stopped import ScanStopped

environment = os.environ
beamline = Beamline.connect(environment["TANGO_HOST"], environment["RONDA_REDIS_URL"], environment["RONDA_BEAMLINE"],
    environment, tango.gevent.DeviceProxy)
scans = Scans(beamline, "greenlets")
turns = []

def other():
    while True:
        turns.append(time.monotonic())
        gevent.sleep(0.01)

gevent.spawn(other)
scan = scans.dscan("samx", -0.1, 0.1, 4, 0.1, "i0", save=False)
assert scan.state == "COMPLETED", scan
assert turns[-1] - turns[0] > 0.5, turns
assert len(turns) > 20, len(turns)

# one is stopped from another greenlet
scan = scans.loopscan(1000, 0.05, "i0", save=False, run=False)
running = gevent.spawn(scan.run)
while scan.points_done < 3:
    gevent.sleep(0.01)
scan.stop("a greenlet")
assert scan.wait(60)
assert scan.state == "ABORTED", scan
try:
    running.get()
except ScanStopped as error:
    print(error)

# a killed greenlet cleans up too
scan = scans.loopscan(1000, 0.05, "i0", save=False, run=False)
running = gevent.spawn(scan.run)
while scan.points_done < 3:
    gevent.sleep(0.01)
running.kill()
assert scan.state == "ABORTED", scan
assert scans.loopscan(1, 0.01, "i0", save=False).state == "COMPLETED"
print("done", flush=True)
os._exit(0)
"""


def test_scans_run_beside_other_greenlets_and_are_stopped_by_them(demo, beamline):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM],
        env={**os.environ, **demo.exports, "RONDA_REDIS_URL": beamline.redis_url},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
        check=False,
    )

    assert "done" in done.stdout.splitlines(), done.stdout
    assert ": stopped by a greenlet" in done.stdout
