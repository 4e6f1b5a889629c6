"""Greenlets: publishing, following and waiting switch to the others of the thread, and nothing deadlocks."""

import subprocess
import sys

import pytest

pytest.importorskip("gevent")

PROGRAM = """
import gevent.monkey
gevent.monkey.patch_all(thread=False)
import sys, time
import gevent
from ronda.framework.stream import Batch, Channel, Description, Device, Stream

stream = Stream.connect(sys.argv[1])
scan = stream.open_scan(
    Description("greenlets()", [Device(name, [Channel(name + "_x")]) for name in ("a", "b", "c")], ["writer"]),
    lease_seconds=0.5,
)
scan.set_state("RUNNING")
ticks = 0

def tick():
    global ticks
    while True:
        gevent.sleep(0.005)
        ticks += 1

def measure(name, batch):
    listener = scan.arm(name)
    armed.append(name)
    with scan.publisher(name, batch=batch) as publisher:
        for _ in range(100):
            trigger = listener.wait(60)
            publisher.publish({name + "_x": trigger.index}, index=trigger.index)

def shared(publisher):
    for _ in range(50):
        publisher.publish({"c_x": 1.0})

def collect():
    cursor = scan.follow()
    return sum(block.count for block in cursor)

armed = []
gevent.spawn(tick)
reader = gevent.spawn(collect)
devices = [gevent.spawn(measure, "a", None), gevent.spawn(measure, "b", Batch(age=0.01))]
publisher = scan.publisher("c")
sharing = [gevent.spawn(shared, publisher) for _ in range(4)]
killed = gevent.spawn(scan.follow().read)
while len(armed) < 2:
    gevent.sleep(0.001)
line = scan.trigger_line()
for i in range(100):
    line.fire(i)
gevent.joinall([*devices, *sharing], timeout=60, raise_error=True)
publisher.seal(200)
reader.join(timeout=60)
assert reader.value == 400, reader.value
killed.kill()
assert scan.extent("c").length == 200
gevent.sleep(1.0)  # longer than the lease: the real thread has renewed it
assert not scan.lease.lost and scan.lease.alive
assert ticks > 20, ticks
scan.set_state("COMPLETED")
stream.close()
print("well")
"""


def test_greenlets_of_a_patched_program_share_a_stream(url):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, url], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout == "well\n", done.stderr
