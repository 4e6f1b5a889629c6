"""A device that none of us wrote is measured in a saved scan, by the name of its attribute alone."""

import threading
import time

import h5py
import numpy as np
import pytest
import tango

from ronda.framework.clients.counter import sampling
from ronda.framework.scan.standard import Scans

ATTRIBUTE = "sys/tg_test/1/double_scalar"


class Witness:
    """Reads the attribute beside the scan, with a plain PyTango proxy."""

    def __init__(self, proxy):
        self.seen: list[tuple[float, float]] = []
        self._proxy = proxy
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def _run(self):
        with tango.EnsureOmniThread():
            while not self._over.is_set():
                self.seen.append((time.time(), float(self._proxy.read_attribute("double_scalar").value)))
                time.sleep(0.005)

    def between(self, begin, end):
        before = [value for when, value in self.seen if when <= begin][-1:]
        after = [value for when, value in self.seen if when >= end][:1]
        return before + [value for when, value in self.seen if begin <= when <= end] + after


def test_it_is_saved_with_its_real_values(foreign, beamline):
    scans = Scans(beamline, "foreign")
    with Witness(foreign) as witness:
        time.sleep(0.1)
        scan = scans.loopscan(20, 0.05, sampling(ATTRIBUTE))
        time.sleep(0.1)

    saved = scan.wait_for_file(60)
    assert saved.closed
    with h5py.File(saved.path) as file:
        values = file[f"{scan.number}.1/measurement/double_scalar"][()]
    epochs = np.concatenate([block.times for block in scan.stream.follow(["double_scalar"])])
    assert values.shape == (20,)
    for value, begun in zip(values, epochs, strict=True):
        real = witness.between(begun, begun + 0.05)
        assert min(real) - 1e-9 <= value <= max(real) + 1e-9


def test_ct_shows_its_value(foreign, beamline):
    counted = Scans(beamline).ct(0.05, sampling(ATTRIBUTE), sampling("sys/tg_test/1/long_scalar"))

    assert set(counted.values) == {"double_scalar", "long_scalar"}
    assert counted.rates == {}


def test_a_spectrum_is_refused_with_a_sentence(foreign, beamline):
    with pytest.raises(Exception, match="sys/tg_test/1/double_spectrum_ro: cannot be sampled, it is"):
        Scans(beamline).loopscan(1, 0.05, sampling("sys/tg_test/1/double_spectrum_ro"), save=False)
