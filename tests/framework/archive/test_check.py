import pytest

from ronda.framework.archive.questions import Archive
from ronda.framework.archive.record import Event
from ronda.framework.archive.store import Store, check_store
from ronda.framework.errors import NotAllowed, ServiceFailed

NOW = 1_795_046_400.0


@pytest.fixture
def folder(tmp_path):
    """A store with events of two days in files, and some in its buffer."""
    with Store(tmp_path / "archive") as store:
        for day in range(2):
            store.append([Event("a/b/c/x", NOW + day * 86400 + n, NOW + day * 86400 + n, float(n)) for n in range(50)])
            store.compact(now=NOW)
        store.append([Event("a/b/c/x", NOW + 86460 + n, NOW + 86460 + n, -1.0) for n in range(5)])
    return tmp_path / "archive"


def count(folder):
    with Archive(folder) as archive:
        return archive.history("a/b/c/x", NOW - 10, NOW + 1e6).readings


def event_files(folder):
    return sorted(folder.glob("events/*/*.parquet"))


def test_a_whole_store_has_no_faults(folder):
    assert check_store(folder) == []
    assert count(folder) == 105


def test_a_damaged_file_is_found_set_aside_and_the_rest_answers(folder):
    file = event_files(folder)[0]
    data = bytearray(file.read_bytes())
    data[len(data) // 3] ^= 0xFF
    file.write_bytes(data)
    (fault,) = check_store(folder)
    assert "is not as it was written" in fault.what
    assert fault.repaired == ""
    (fault,) = check_store(folder, repair=True)
    assert fault.repaired == "taken out of the catalogue, set aside"
    assert check_store(folder) == []
    assert count(folder) == 55
    assert [path.read_bytes() for path in (folder / "broken").iterdir()] == [bytes(data)]


def test_a_missing_file_is_found_and_taken_out_of_the_catalogue(folder):
    event_files(folder)[1].unlink()
    (fault,) = check_store(folder)
    assert fault.what.endswith("is missing")
    check_store(folder, repair=True)
    assert check_store(folder) == []
    assert count(folder) == 55


@pytest.mark.parametrize("how", ["missing", "garbage"])
def test_a_lost_buffer_is_made_anew_from_the_files(folder, how):
    for path in folder.glob("buffer.db*"):
        path.unlink()
    if how == "garbage":
        (folder / "buffer.db").write_bytes(b"no database at all " * 1000)
        with pytest.raises(ServiceFailed, match="check --repair"):
            Store(folder)
    faults = check_store(folder, repair=True)
    assert len(faults) == 3
    assert all(fault.repaired for fault in faults)
    assert check_store(folder) == []
    assert count(folder) == 100
    with Store(folder) as store:
        store.append([Event("a/b/c/x", NOW + 1, NOW + 1, 7.0)])
        store.compact(now=NOW + 10 * 86400)
        assert store.check() == []
    assert count(folder) == 101


def test_what_a_lost_buffer_had_lies_in_a_marked_gap(folder):
    with Store(folder) as store:
        store.append([Event("a/b/c/x", NOW + 500, NOW + 500, 5.0)])  # not compacted
    for path in folder.glob("buffer.db*"):
        path.unlink()
    check_store(folder, repair=True)
    with Archive(folder) as archive:
        last = archive.history("a/b/c/x", NOW - 1e6, NOW + 1e6).time[-1]
        (before,) = archive.value_at(["a/b/c/x"], float(last))
        (after,) = archive.value_at(["a/b/c/x"], float(last) + 0.001)
    assert before.known
    assert "events that were not compacted yet were lost" in after.reason


def test_a_file_whose_events_are_also_elsewhere_is_not_counted_twice(folder):
    file = event_files(folder)[0]
    file.with_name(file.name.replace("-1.parquet", "-7.parquet")).write_bytes(file.read_bytes())
    assert ["not in the catalogue" in fault.what for fault in check_store(folder)] == [True]
    (fault,) = check_store(folder, repair=True)
    assert fault.repaired == "set aside"
    assert count(folder) == 105


def test_a_store_to_which_somebody_writes_is_left_alone(folder):
    with Store(folder), pytest.raises(NotAllowed):
        check_store(folder, repair=True)
