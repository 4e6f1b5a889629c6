"""What a digitiser costs: `python tests/bench/digitiser.py [seconds [rate]]`, by default 60 s at 1 MHz of 8 channels.

Its server, the simulator, Redis and the writer are separate processes. Prints one line per figure: name, value with unit,
the limit that we hold ourselves to.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401 - reads the samples

from ronda.framework.clients.beamline import Beamline
from ronda.framework.scan.standard import Scans
from tests.bench.fly import figure, ronda

CONFIGURATION = """
version: 1
beamline: {name: daqbench}
simulators:
  instruments:
    adc: {type: digitiser, inputs: {1: {detector: i0}, 2: {detector: diode}}}
servers:
  detectors:
    devices:
      adc:
        kind: digitiser
        driver: simulated
        address: simulator:adc
        sample_rate: RATE
        channels: {i0: {channel: 1}, diode: {channel: 2}}
  writer:
    devices:
      nexus: {kind: writer, data_root: data}
"""

TICK = os.sysconf("SC_CLK_TCK")


def processes(folder: Path) -> dict[str, int]:
    """Process ids of a beamline by name; the agent is `agent`."""
    told = json.loads((folder / ".ronda" / "local" / "status.json").read_text())
    found = {str(one["name"]): int(one["pid"]) for one in told["processes"] if one["pid"]}
    return {name: pid for name, pid in found.items() if pid > 0}


def spent(pid: int) -> float:
    """CPU time of a process and its threads, in s."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def memory(pid: int) -> float:
    """Memory that a process has for itself and shares, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def measure(beamline: Beamline, pids: dict[str, int], seconds: float, rate: float) -> None:
    """Print all figures."""
    scans = Scans(beamline, "bench")
    scans.loopscan(2, 0.1, "adc")  # connections and imports are made once
    most = dict.fromkeys(pids, 0.0)
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.5):
            for name, pid in pids.items():
                most[name] = max(most[name], memory(pid))

    watching = threading.Thread(target=watch)
    watching.start()
    before, begun, own = {name: spent(pid) for name, pid in pids.items()}, time.monotonic(), time.process_time()
    scan = scans.loopscan(round(seconds), 1.0, "adc")
    took, own = time.monotonic() - begun, time.process_time() - own
    saved = scan.wait_for_file(60)
    used = {name: (spent(pid) - before[name]) / took for name, pid in pids.items()}
    over.set()
    watching.join()
    with h5py.File(saved.path) as file:
        entry = file[f"{scan.number}.1/measurement"]
        there, lost = int(entry["adc_block_count"][:].sum()), int(entry["adc_block_lost"][:].sum())
        blocks = entry["adc_samples"]
        empty = sum(int((blocks[place] == -32768).sum()) for place in range(len(blocks) - 1))
        last = blocks[len(blocks) - 1][:, : int(entry["adc_block_count"][-1])]
        empty += int((last == -32768).sum())
    told = beamline["adc"].read("LostSamples")
    figure(f"digitiser of 8 channels at {rate:g} Hz", took, "s", f"{seconds:g} s of points")
    figure("  samples of each channel in the file", there / 1e6, "million", f"{rate * seconds / 1e6:g} or more")
    figure("  samples of each channel lost", lost + told + empty, "", "0")
    figure("  raw data in a second", 16 * there / took / 1e6, "MB/s", "none")
    figure(
        "  file beside raw data", 100 * Path(saved.path).stat().st_size / (16 * there), "%", "none: noise does not pack"
    )
    simulator = used.pop("simulators")
    for name, part in used.items():
        figure(f"  {name}", 100 * part, "% of core", "none")
    figure("  the scan's own program", 100 * own / took, "% of core", "none")
    figure("  all processes of ours", 100 * (sum(used.values()) + own / took), "% of core", "100")
    figure("  beside them the simulator", 100 * simulator, "% of core", "none")
    for name in used:
        figure(f"  memory of {name}, at most", most[name], "MB", "none: bounded")


def main() -> None:
    """Bring the beamline up, measure, take it down."""
    seconds, rate = (float(text) for text in (*sys.argv[1:], *("60", "1e6")[len(sys.argv) - 1 :]))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "daqbench"
        folder.mkdir()
        (folder / "beamline.yml").write_text(CONFIGURATION.replace("RATE", repr(rate)))
        try:
            ronda("up", folder, "--detach")
            exports = dict(line.removeprefix("export ").split("=", 1) for line in ronda("env", folder).splitlines())
            url = exports["RONDA_REDIS_URL"].strip("'")
            beamline = Beamline.connect(exports["TANGO_HOST"], url, "daqbench", os.environ)
            measure(beamline, processes(folder), seconds, rate)
            beamline.close()
        finally:
            subprocess.run(["ronda", "down", folder], check=False, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
