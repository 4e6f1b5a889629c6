"""What live spectra cost: `python tests/bench/spectra.py [seconds]`, by default 20 s at 1 MHz of 8 channels, 10 spectra/s.

An axis oscillates at 5 Hz, as a quick monochromator does, and the digitiser bins its samples by the encoder while all of
them are saved. Prints one line per figure: name, value with unit, the limit that we hold ourselves to.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from ronda.framework.clients.beamline import Beamline
from ronda.framework.scan.standard import Scans
from tests.bench.digitiser import processes, spent
from tests.bench.fly import figure, ronda

FREQUENCY, AMPLITUDE, BINS = 5.0, 0.02, 400

CONFIGURATION = """
version: 1
beamline: {name: quick}
simulators:
  instruments:
    optics: {type: motor_controller, axes: {1: {name: bragg, steps_per_unit: 100000, velocity: 2, acceleration_time: 0.05, fastest: 4}}}
    adc:
      type: digitiser
      inputs: {0: {encoder: bragg, resolution: 100000}, 1: {detector: i0}, 2: {detector: diode}}
      gate: "optics:1"
servers:
  motors:
    devices:
      mc:
        kind: motor
        driver: simulated
        address: simulator:optics
        axes: {bragg: {channel: 1, unit: deg, steps_per_unit: 100000, velocity: 2, acceleration_time: 0.05}}
  detectors:
    devices:
      adc:
        kind: digitiser
        driver: simulated
        address: simulator:adc
        sample_rate: 1.0e+6
        channels:
          angle: {channel: 0, unit: deg, scale: 0.00001, wraps: true, axis: bragg}
          i0: {channel: 1}
          diode: {channel: 2}
          c3: {channel: 3}
          c4: {channel: 4}
          c5: {channel: 5}
          c6: {channel: 6}
          c7: {channel: 7}
        SPECTRA
        wiring: {gate: [bragg]}
  writer:
    devices:
      nexus: {kind: writer, data_root: data}
"""

SPECTRA = "spectra: {encoder: angle, start: -0.018, stop: 0.018, bins: 400}"


def measure(beamline: Beamline, pids: dict[str, int], seconds: float, *, live: bool) -> float:
    """Print the figures of one scan; returns the cores that its processes took but the simulators."""
    scans = Scans(beamline, "bench")
    times = np.arange(0.0, seconds, 0.01)
    rows = AMPLITUDE * np.sin(2 * np.pi * FREQUENCY * times)[:, None]
    npoints = round(seconds)
    scan = scans.ftrajectory(["bragg"], rows, npoints, (len(times) - 1) * 0.01 / npoints, "adc", run=False)
    seen: list[float] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            try:
                count = len(scan["adc_spectrum_first"])
            except Exception:  # noqa: BLE001 - the scan has not been opened yet
                continue
            seen.extend([time.monotonic()] * (count - len(seen)))

    watching = threading.Thread(target=watch)
    if live:
        watching.start()
    before, begun, own = {name: spent(pid) for name, pid in pids.items()}, time.monotonic(), time.process_time()
    scan.run()
    took, own = time.monotonic() - begun, time.process_time() - own
    used = {name: (spent(pid) - before[name]) / took for name, pid in pids.items()}
    over.set()
    print(f"{'with' if live else 'without'} spectra, {took:.1f} s, all samples saved")
    simulator = used.pop("simulators")
    if live:
        watching.join()
        spectra = scan["adc_spectrum_count"]
        whole = scan["adc_spectrum_whole"] != 0
        figure("  spectra", len(spectra), "", f"{2 * FREQUENCY * seconds:g} or so")
        figure("  of them with samples in each bin", int(whole.sum()), "", "all but those of the ends")
        figure("  spectra in a second, live", (len(seen) - 1) / (seen[-1] - seen[0]), "1/s", f"{2 * FREQUENCY:g}")
        figure("  longest time without a new one", max(np.diff(np.unique(seen))), "s", "none")
        figure("  samples in bins, of each spectrum", float(spectra[whole].sum(axis=1).mean()), "", "none")
    figure("  samples lost", int(beamline["adc"].read("LostSamples")), "", "0")
    for name, part in used.items():
        figure(f"  {name}", part, "cores", "none")
    figure("  beside them the simulators", simulator, "cores", "none")
    return sum(used.values())


def main() -> None:
    """Measure with spectra and without."""
    seconds = float((*sys.argv[1:], "20")[0])
    cores = {}
    for live in (True, False):
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / "quick"
            folder.mkdir()
            text = CONFIGURATION.replace("SPECTRA", SPECTRA if live else "")
            (folder / "beamline.yml").write_text(text)
            try:
                ronda("up", folder, "--detach")
                exports = dict(line.removeprefix("export ").split("=", 1) for line in ronda("env", folder).splitlines())
                url = exports["RONDA_REDIS_URL"].strip("'")
                beamline = Beamline.connect(exports["TANGO_HOST"], url, "quick", os.environ)
                Scans(beamline, "bench").loopscan(2, 0.1, "adc")  # connections, imports and compiling once
                time.sleep(10)
                cores[live] = measure(beamline, processes(folder), seconds, live=live)
                beamline.close()
            finally:
                subprocess.run(["ronda", "down", folder], check=False, stdout=subprocess.DEVNULL)
    figure("cost of the spectra", cores[True] - cores[False], "cores", "0.2")


if __name__ == "__main__":
    main()
