"""The data stream in Redis: what devices publish and consumers follow. Needs numpy and redis alone."""

from ronda.framework.stream.answers import (
    Behind,
    DeviceFailed,
    FrameLost,
    HeldBack,
    Hole,
    NeverWillBe,
    NoLongerInMemory,
    NotYet,
    Replaced,
    ScanGone,
    ScanOver,
)
from ronda.framework.stream.blocks import Block, End, FrameReference
from ronda.framework.stream.catalogue import News, Record
from ronda.framework.stream.cursor import Cursor
from ronda.framework.stream.description import Channel, Description, Device, State
from ronda.framework.stream.publisher import Batch, Publisher
from ronda.framework.stream.scan import Scan
from ronda.framework.stream.stream import Memory, Stream
from ronda.framework.stream.trigger import Listener, Trigger, TriggerLate, TriggerLine

__all__ = [
    "Batch",
    "Behind",
    "Block",
    "Channel",
    "Cursor",
    "Description",
    "Device",
    "DeviceFailed",
    "End",
    "FrameLost",
    "FrameReference",
    "HeldBack",
    "Hole",
    "Listener",
    "Memory",
    "NeverWillBe",
    "News",
    "NoLongerInMemory",
    "NotYet",
    "Publisher",
    "Record",
    "Replaced",
    "Scan",
    "ScanGone",
    "ScanOver",
    "State",
    "Stream",
    "Trigger",
    "TriggerLate",
    "TriggerLine",
]
