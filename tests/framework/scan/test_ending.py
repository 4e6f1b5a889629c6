"""How a scan ends: the first error counts, every step is done."""

import pytest

from ronda.framework.errors import HardwareFault
from ronda.framework.scan.ending import Ending
from ronda.framework.scan.stopped import ScanStopped


def raising(error):
    def step():
        raise error

    return step


@pytest.mark.parametrize(
    ("error", "state", "sentence"),
    [
        (None, "COMPLETED", ""),
        (KeyboardInterrupt(), "ABORTED", "stopped by Ctrl-C"),
        (ScanStopped("stopped by me"), "ABORTED", "stopped by me"),
        (HardwareFault("m1: broken"), "FAILED", "m1: broken"),
        (ZeroDivisionError("by zero"), "FAILED", "ZeroDivisionError: by zero"),
    ],
)
def test_what_ended_it_says_its_state(error, state, sentence):
    ending = Ending()
    with ending:
        if error is not None:
            raise error

    assert (ending.state(), ending.sentence()) == (state, sentence)
    if error is not None:
        with pytest.raises(type(error)):
            ending.reraise()


def test_all_steps_are_done_whatever_happens_in_one_of_them():
    done = []
    ending = Ending()
    with ending:
        raise HardwareFault("first")
    ending.do([lambda: done.append(1), raising(KeyboardInterrupt()), lambda: done.append(2), raising(OSError("late"))])

    assert done == [1, 2]
    assert ending.sentence() == "first"


def test_a_step_that_fails_spoils_what_had_gone_well():
    ending = Ending()
    with ending:
        pass
    ending.do([raising(HardwareFault("cannot go home"))])

    assert (ending.state(), ending.sentence()) == ("FAILED", "cannot go home")
