"""Cameras publish frames: into the ring, never over one that somebody must not lose, read like h5py."""

import subprocess
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from ronda.framework.errors import BadValue
from ronda.framework.host.rings import sweep_rings
from ronda.framework.services.redis import RedisAccess
from ronda.framework.stream import Batch, FrameReference, HeldBack, NoLongerInMemory, ScanOver
from ronda.framework.stream.frames.folder import find_ring, rings
from ronda.framework.stream.frames.reader import FrameReader

LENGTH = 2 * 16 * 24
SLOT = 4096

CHILD = """
import sys
import numpy as np
from ronda.framework.stream import Stream
stream = Stream.connect(sys.argv[1])
store = stream.frame_store()
publisher = stream.scan(sys.argv[2]).publisher("cam", ring=store.ring("cam", 768, 4096 * 8))
pixels = np.arange(384).reshape(16, 24)
for index in range(5):
    image = ((index * 977 + pixels) % 65000).astype("<u2")
    publisher.publish({"image": image, "total": image.sum()})
print(store.host, flush=True)
sys.stdin.read()
"""


def test_frames_are_read_from_the_running_scan_as_from_a_file(stream, store, camera, frames, publish):
    scan = stream.open_scan(camera())
    publisher = scan.publisher("cam", ring=store.ring("cam", LENGTH))
    publish(publisher, 0, 40)
    assert publisher.publish({"image": frames(40, 41)[0], "total": 1}) == 40
    image = scan["measurement/image"]
    assert (image.shape, image.dtype) == ((41, 16, 24), np.dtype("<u2"))
    assert np.array_equal(image[:], frames(0, 41))
    assert np.array_equal(image[-1], frames(40, 41)[0])
    assert np.array_equal(image[::10, 3:5, [1, 7]], frames(0, 41)[::10, 3:5][:, :, [1, 7]])
    assert [int(one[0, 0]) for one in image] == frames(0, 41)[:, 0, 0].tolist()
    assert scan["measurement/total"][3] == frames(3, 4).sum()


def test_frames_that_follow_each_other_share_a_reference(stream, store, camera, publish):
    scan = stream.open_scan(camera())
    ring = store.ring("cam", LENGTH)
    publisher = scan.publisher("cam", ring=ring, batch=Batch(age=60))
    for index in range(10):
        publish(publisher, index, index + 1)
    publisher.flush()
    assert scan.read("image", 2, 9) == [FrameReference("ring", ring.name, 2, 7, host=store.host)]


def test_a_frame_that_does_not_fit_the_description_is_refused_and_takes_no_slot(stream, store, camera, frames):
    scan = stream.open_scan(camera())
    ring = store.ring("cam", LENGTH)
    publisher = scan.publisher("cam", ring=ring)
    with pytest.raises(BadValue, match=r"cam: channel image: points have the shape \(24, 16\), .* says \(16, 24\)"):
        publisher.publish({"image": frames(0, 1)[0].T, "total": 0})
    with pytest.raises(BadValue, match="cam: channel image: values of type float64 do not fit its type uint16"):
        publisher.publish({"image": np.full((16, 24), 0.5), "total": 0})
    with pytest.raises(BadValue, match="missing total"):
        publisher.publish({"image": frames(0, 1)[0]})
    assert (publisher.index, ring.next) == (0, 0)


def test_a_ring_for_smaller_frames_is_refused(stream, store, camera):
    scan = stream.open_scan(camera())
    with pytest.raises(BadValue, match=r"cam: frames of channel image have 768 bytes, the ring takes 100; make a ring"):
        scan.publisher("cam", ring=store.ring("cam", 100))


def test_a_frame_is_not_overwritten_before_it_is_acknowledged(stream, store, camera, frames, publish):
    scan = stream.open_scan(camera("writer"))
    publisher = scan.publisher("cam", ring=store.ring("cam", LENGTH, 8 * SLOT))
    publish(publisher, 0, 8)
    with pytest.raises(HeldBack) as held:
        publish(publisher, 8, 9)
    assert str(held.value).startswith(
        "cam: held back, the ring of frames is full (8 frames, 6.14 kB): consumer writer is behind by 8 points (6.14 kB)"
    )
    assert str(held.value).endswith("start it or speed it up, or make it optional")
    assert (held.value.behind.consumer, publisher.index) == ("writer", 8)
    scan.acknowledge("writer", {"cam": 3})
    with pytest.raises(HeldBack):
        publish(publisher, 8, 12)
    assert publisher.index == 11, "what there was room for is taken"
    assert np.array_equal(scan["measurement/image"][3:11], frames(3, 11))
    with pytest.raises(NoLongerInMemory, match=r"cam: frame 2 of .* was overwritten\); read it from the file"):
        scan["measurement/image"][2]


def test_frames_of_the_scan_before_keep_their_slots_too(stream, store, camera, publish):
    before, after = stream.open_scan(camera("writer")), stream.open_scan(camera())
    ring = store.ring("cam", LENGTH, 4 * SLOT)
    publish(before.publisher("cam", ring=ring), 0, 4)
    publisher = after.publisher("cam", ring=ring)
    with pytest.raises(HeldBack, match=rf"behind by 4 points .* in scan {before.number} \({before.identifier}\)"):
        publish(publisher, 0, 1)
    before.make_optional("writer", "an operator")
    publish(publisher, 0, 9)
    assert publisher.index == 9, "nobody must not lose the frames of the second scan"


def test_a_step_scan_waits_for_room_and_hears_why(stream, store, camera, frames, publish, wait_for):
    scan = stream.open_scan(camera("writer"))
    heard = []
    ring = store.ring("cam", LENGTH, 4 * SLOT)
    publisher = scan.publisher("cam", ring=ring, wait=None, on_held=heard.append, batch=Batch(age=60))
    thread = threading.Thread(target=publish, args=(publisher, 0, 20))
    thread.start()
    wait_for(lambda: heard, what="it is held")
    assert scan.extent("cam").length == 4, "what was gathered is sent before it waits"
    for position in range(1, 18):
        scan.acknowledge("writer", {"cam": position})
        wait_for(lambda position=position: ring.next >= min(position + 4, 20), what="a slot is used again")
    thread.join(60)
    assert not thread.is_alive()
    publisher.flush()
    assert np.array_equal(scan["measurement/image"][17:], frames(17, 20))


def test_a_publisher_that_waits_for_room_hears_that_the_scan_is_over(stream, store, camera, publish, wait_for):
    scan = stream.open_scan(camera("writer"))
    publisher = scan.publisher("cam", ring=store.ring("cam", LENGTH, 4 * SLOT), wait=None)
    errors = []

    def run() -> None:
        try:
            publish(publisher, 0, 20)
        except ScanOver as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    wait_for(lambda: scan.extent("cam").length == 4, what="it is held")
    scan.set_state("ABORTED")
    thread.join(60)
    assert len(errors) == 1


def test_what_a_killed_process_published_is_read_and_then_cleaned_away(
    stream, url, clean_memory, camera, frames, publish
):
    scan = stream.open_scan(camera("writer"))
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, url, scan.identifier], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    host = child.stdout.readline().strip()
    child.kill()
    child.communicate()
    name = rings(url)[0].name
    with stream.frame_store() as store:
        ring = store.ring("cam", LENGTH, 8 * SLOT)
        assert find_ring(name), "the ring of the dead is needed"
        assert store.host == host, "its successor serves on the same port"
        publisher = scan.publisher("cam", ring=ring)
        publish(publisher, 5, 9)
        assert np.array_equal(scan["measurement/image"][:], frames(0, 9))
        assert stream.sweep_frames() == []
        scan.acknowledge("writer", {"cam": 4})
        assert stream.sweep_frames() == []
        scan.acknowledge("writer", {"cam": 5})
        assert stream.sweep_frames() == [name]
        assert find_ring(name) is None
        assert find_ring(ring.name), "that of the living stays"
    assert find_ring(ring.name), "it has frames that the writer needs"
    scan.acknowledge("writer", {"cam": 9})
    assert stream.sweep_frames() == [ring.name]


def test_a_store_that_is_closed_leaves_nothing(stream, url, clean_memory, camera, publish):
    scan = stream.open_scan(camera())
    with stream.frame_store() as store:
        publish(scan.publisher("cam", ring=store.ring("cam", LENGTH)), 0, 5)
        assert store.ring("cam", LENGTH) is store.ring("cam", LENGTH), "one ring for a device"
        assert len(rings(url)) == 1
    assert rings(url) == []


def test_a_ring_that_somebody_removed_is_replaced(stream, store, camera, frames, publish):
    scan = stream.open_scan(camera())
    ring = store.ring("cam", LENGTH)
    ring.path.unlink()
    assert store.ring("cam", LENGTH) is not ring
    publish(scan.publisher("cam", ring=store.ring("cam", LENGTH)), 0, 2)
    assert np.array_equal(scan["measurement/image"][:], frames(0, 2))


def test_a_frame_that_left_the_ring_comes_from_the_file(stream, store, camera, frames, publish):
    scan = stream.open_scan(camera())
    publish(scan.publisher("cam", ring=store.ring("cam", LENGTH, 4 * SLOT)), 0, 10)
    asked = []

    def read(device, channel, start, stop):
        asked.append((device, channel, start, stop))
        return frames(start, stop) + 1

    image = scan.tree(saved=SimpleNamespace(read=read))["measurement/image"]
    assert np.array_equal(image[:], np.concatenate([frames(0, 6) + 1, frames(6, 10)]))
    assert asked == [("cam", "image", 0, 6)]


def test_followers_read_frames_by_reference(stream, store, camera, frames, publish):
    scan = stream.open_scan(camera())
    publisher = scan.publisher("cam", ring=store.ring("cam", LENGTH))
    publish(publisher, 0, 10)
    publisher.seal()
    channel = scan.description.channel("image")[1]
    reader = FrameReader()
    read = [reader.read(block.data["image"], channel) for block in scan.follow("image", every=3)]
    assert np.array_equal(np.concatenate(read), frames(0, 10)[::3])
    reader.close()


def test_rings_that_nobody_needs_go_at_the_end_of_the_beamline(url, stream, camera, publish, clean_memory):
    scan = stream.open_scan(camera("writer"))
    scan.set_state("RUNNING")
    ring = stream.frame_store().ring("cam", LENGTH, 4 * SLOT)
    publish(scan.publisher("cam", ring=ring), 0, 3)
    ring.close(remove=False)  # as if its process had been killed
    access = RedisAccess(url)

    sweep_rings(access, {})
    assert ring.path.exists()  # the writer has not saved its frames
    scan.acknowledge("writer", {"cam": 3})
    sweep_rings(access, {})
    assert not ring.path.exists()
