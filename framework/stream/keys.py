"""The one place that spells Redis keys and the version of what stands under them."""

from __future__ import annotations

import json
from collections.abc import Sequence

PROTOCOL = 1
"""Version of the layout of keys and blocks; a client refuses to work with another one."""

ROOT = "ronda:"

VERSION = f"{ROOT}protocol"
"""String: the protocol version of everything below."""

MEMORY = f"{ROOT}memory"
"""Hash: the accounting. Bytes `used`, `limit`, `comfort`; seconds `keep`; where the bounds come from: `maxmemory`,
`configured`."""

NUMBERS = f"{ROOT}numbers"
"""Hash: the last scan number of each session or dataset."""

DATASETS = f"{ROOT}datasets"
"""Hash: the datasets that were begun, with the session that did."""

SCANS = f"{ROOT}scans"
"""Sorted set: ids of the scans in memory by start time (seconds since 1970)."""

EXPENDABLE = f"{ROOT}expendable"
"""Sorted set: ids of ended scans that nobody waits for, by the time (seconds since 1970) until which they stay."""

NEWS = f"{ROOT}news"
"""Stream: one entry for each new scan, change of state and scan that left memory."""

LOGBOOK = f"{ROOT}logbook"
"""Stream: what people did and said, and the scans; the oldest of very many entries leave."""

LOGBOOK_READERS = f"{ROOT}logbook:readers"
"""Hash: how far each reader of the logbook has come, by its name."""

ABSENT = f"{ROOT}absent"
"""Never exists: deleting it is how a script says that it may write although Redis is at its limit."""


def pointed(kind: str) -> str:
    """Stream: what people pointed at in the live view, of one kind; about the last 1000 entries."""
    return f"{ROOT}pointed:{kind}"


def scan(identifier: str) -> str:
    """Hash: description, state, and the progress of each device and consumer of a scan."""
    return f"{ROOT}scan:{identifier}"


def blocks(identifier: str, device: str) -> str:
    """Stream: the blocks of one device of a scan."""
    return f"{ROOT}scan:{identifier}:blocks:{device}"


def line(identifier: str, subscan: int = 1) -> str:
    """Stream: the software trigger line of a scan, or of one of its sub-scans, from 2 on."""
    return f"{ROOT}scan:{identifier}:line{f':{subscan}' if subscan > 1 else ''}"


def owner(identifier: str) -> str:
    """String with a time to live: the lease of the scan's owner."""
    return f"{ROOT}scan:{identifier}:owner"


def orders(identifier: str) -> str:
    """Stream: what people, programs and rules tell the owner of a scan: pause, resume, stop, abort."""
    return f"{ROOT}scan:{identifier}:orders"


def live(device: str) -> str:
    """Stream: the latest blocks of a live channel, which is no part of a scan."""
    return f"{ROOT}live:{device}"


def board(kind: str) -> str:
    """Stream of one entry: what displays were last asked to show of this kind, `plot`, `selection` or `drawing`."""
    return f"{ROOT}board:{kind}"


def work(pipeline: str) -> str:
    """Stream: ranges of points that workers of an analysis pipeline share through the consumer group `workers`."""
    return f"{ROOT}analysis:{pipeline}:work"


def done_work(pipeline: str, scan: str) -> str:
    """Stream: what workers have computed of such ranges of a scan, until the pipeline has taken it."""
    return f"{ROOT}analysis:{pipeline}:done:{scan}"


def pipeline(name: str) -> str:
    """Hash: what workers must know of an analysis pipeline: `digest` of its stages."""
    return f"{ROOT}analysis:{name}"


def analysing(pipeline: str) -> str:
    """String with a time to live: that somebody runs an analysis pipeline."""
    return f"{ROOT}analysis:{pipeline}:alive"


def session(name: str) -> str:
    """Hash: what a session keeps; where its data belong, and its user's metadata."""
    return f"{ROOT}session:{name}"


def control(name: str) -> str:
    """Hash: who is in a session, and who of them has control; see script CONTROL."""
    return f"{ROOT}session:{name}:control"


def said(token: str) -> str:
    """String with a time to live: that an entry of the logbook was made, so that it is not made twice."""
    return f"{LOGBOOK}:said:{token}"


def number_counter(counted_in: Sequence[str]) -> str:
    """Field of NUMBERS that counts the scans of a dataset or, without one, of a session."""
    return json.dumps(list(counted_in), ensure_ascii=False)


LUA = f"""
local VERSION, MEMORY, NUMBERS, SCANS = '{VERSION}', '{MEMORY}', '{NUMBERS}', '{SCANS}'
local EXPENDABLE, NEWS, ABSENT = '{EXPENDABLE}', '{NEWS}', '{ABSENT}'
local function scan_key(id) return '{scan("")}' .. id end
local function blocks_key(id, device) return scan_key(id) .. ':blocks:' .. device end
local function line_key(id, subscan)
  return scan_key(id) .. ':line' .. (tonumber(subscan) > 1 and ':' .. subscan or '')
end
local function lines_of(id) -- the keys of the trigger lines of a scan and of its sub-scans
  local keys = {{}}
  for n = 1, tonumber(redis.call('HGET', scan_key(id), 'subscans') or 1) do keys[n] = line_key(id, n) end
  return keys
end
local function owner_key(id) return scan_key(id) .. ':owner' end
local function orders_key(id) return scan_key(id) .. ':orders' end
"""
"""The same keys for our scripts."""
