"""What a thread opens in a program that lives on greenlets is closed when it ends."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

PROGRAM = """
from ronda.shell.prompt.cooperative import make_cooperative
make_cooperative()
import os, sys, threading, time
from ronda.framework.stream import Channel, Description, Device, Stream

def open_files():
    return len(os.listdir("/proc/self/fd"))

def wait_a_moment():
    threads = [threading.Thread(target=time.sleep, args=(0.001,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

def scan():
    one = stream.open_scan(Description("x", [Device("dev", [Channel("x")])]), lease_seconds=5.0)
    one.set_state("ABORTED")
    one.lease.stop()

wait_a_moment()
before = open_files()
wait_a_moment()
print(open_files() - before)
stream = Stream.connect(sys.argv[1])
scan()
before = open_files()
for _ in range(4):
    scan()
print(open_files() - before)
stream.close()
"""


def test_threads_and_the_leases_of_scans_leave_no_file_open(demo: Any) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, demo.exports["RONDA_REDIS_URL"]],
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("0\n0\n", "")
