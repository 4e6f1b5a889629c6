"""The reference page: complete, and enough for a client that uses none of our code."""

from pathlib import Path

import numpy as np
import pytest

from ronda.framework.stream import keys, scripts

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "stream.md").read_text()


def test_every_key_and_script_stands_in_the_reference():
    for key in (keys.VERSION, keys.MEMORY, keys.NUMBERS, keys.SCANS, keys.EXPENDABLE, keys.NEWS):
        assert f"`{key}`" in PAGE
    for key in (keys.scan("ID"), keys.blocks("ID", "DEVICE"), keys.line("ID"), keys.owner("ID")):
        assert f"`{key}`" in PAGE
    for name, script in vars(scripts).items():
        if isinstance(script, scripts.Script):
            assert f"| {name} |" in PAGE
    assert f"version of this layout: `{keys.PROTOCOL}`" in PAGE


@pytest.fixture
def foreign(shared_redis, url):
    """A client that knows only the reference page and the texts of the scripts."""
    with shared_redis.client() as client:
        yield client


def publish(client, scan, device, first, values):
    """A block as the page describes it."""
    _, length, written, granted, _, _, _ = client.eval(scripts.EXTENT.text, 0, scan, device)[0]
    assert length == first
    times = np.arange(first, first + len(values), dtype="<f8")
    fields = [".before", written, ".count", len(values), ".times", times.tobytes(), "x", values.tobytes()]
    cost = sum(len(str(f).encode() if not isinstance(f, bytes) else f) for f in fields) + 24 * len(fields) // 2 + 100
    if written + cost > granted:
        assert client.eval(scripts.GRANT.text, 0, scan, device, written + cost, 0)[2] >= written + cost
    key = f"ronda:scan:{scan}:blocks:{device}"
    return client.execute_command("XADD", key, "NOMKSTREAM", f"{first + len(values)}-0", *fields)


def test_foreign_client_publishes_what_we_read(foreign, stream, one_channel):
    scan = stream.open_scan(one_channel("writer"))
    stream.configure(comfort=0)
    foreign.eval(scripts.ATTACH.text, 0, scan.identifier, "dev", "my token")
    publish(foreign, scan.identifier, "dev", 0, np.arange(5.0))
    publish(foreign, scan.identifier, "dev", 5, np.arange(5.0, 12.0))
    assert foreign.eval(scripts.END.text, 0, scan.identifier, "dev", "my token", "sealed", 12, "") == 12
    assert [block.count for block in scan.follow()] == [5, 7]
    assert scan.read("x", 0, 12).tolist() == list(range(12))
    used = stream.memory().used
    scan.acknowledge("writer", {"dev": 5})
    assert used - stream.memory().used == scan_cost(5, before="0")
    scan.acknowledge("writer", {"dev": 12})
    assert scan.extent("dev")[:3] == (12, 12, 0)


def scan_cost(count, before):
    return len(before) + len(".before.count.timesx") + 1 + 16 * count + 4 * 24 + 100


def test_foreign_client_reads_what_we_publish(foreign, stream, one_channel):
    scan = stream.open_scan(one_channel())
    scan.publisher("dev").publish_block({"x": range(5)}, times=range(5))
    ((_, ((identifier, fields),)),) = foreign.xread({f"ronda:scan:{scan.identifier}:blocks:dev": "0-0"})
    assert identifier == b"5-0"
    assert fields[b".count"] == b"5"
    assert fields[b".before"] == b"0"
    assert np.frombuffer(fields[b"x"], "<f8").tolist() == [0, 1, 2, 3, 4]
    assert np.frombuffer(fields[b".times"], "<f8").tolist() == [0, 1, 2, 3, 4]
