"""The names of our Tango attributes and commands: the only place that spells them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

NO_LIMIT = 1e300
"""A limit of this size stands for none: Tango does not let clients write infinity."""

LOCK_LEASE = 10.0
"""Seconds for which a lock holds if it is not renewed."""


class DeviceCommand(StrEnum):
    """Commands of each device of ours, beside Tango's own Init, State and Status."""

    APPLY_CONFIGURATION = "ApplyConfiguration"


class DeviceAttribute(StrEnum):
    """Attributes of each device of ours, beside Tango's own State and Status."""

    CHANGED_BY = "ChangedBy"


class AxisAttribute(StrEnum):
    """Attributes of an axis."""

    POSITION = "Position"
    DIAL_POSITION = "DialPosition"
    TARGET = "Target"
    OFFSET = "Offset"
    SIGN = "Sign"
    VELOCITY = "Velocity"
    ACCELERATION_TIME = "AccelerationTime"
    ACCELERATION = "Acceleration"
    BACKLASH = "Backlash"
    LOW_LIMIT = "LowLimit"
    HIGH_LIMIT = "HighLimit"
    STEPS_PER_UNIT = "StepsPerUnit"
    CONTROLLER = "Controller"
    LOW_LIMIT_SWITCH = "LowLimitSwitch"
    HIGH_LIMIT_SWITCH = "HighLimitSwitch"
    HOME_SWITCH = "HomeSwitch"
    ENCODER_POSITION = "EncoderPosition"
    HOMED = "Homed"
    FIXED = "Fixed"
    OWNER = "Owner"


class AxisCommand(StrEnum):
    """Commands of an axis."""

    STOP = "Stop"
    ABORT = "Abort"
    AWAIT_REST = "AwaitRest"
    DEFINE_POSITION = "DefinePosition"
    DEFINE_DIAL_POSITION = "DefineDialPosition"
    CHECK_TARGETS = "CheckTargets"
    JOG = "Jog"
    HOME = "Home"
    SEARCH_LOW_LIMIT = "SearchLowLimit"
    SEARCH_HIGH_LIMIT = "SearchHighLimit"
    SYNC = "Sync"
    CHECK_SWEEP = "CheckSweep"
    ARM_SWEEP = "ArmSweep"
    START_SWEEP = "StartSweep"
    ENABLE = "Enable"
    DISABLE = "Disable"
    FIX = "Fix"
    RELEASE = "Release"
    LOCK = "Lock"
    UNLOCK = "Unlock"


class MotorControllerAttribute(StrEnum):
    """Attributes of a motor controller."""

    AXES = "Axes"
    STARTS_TOGETHER = "StartsTogether"


class MotorControllerCommand(StrEnum):
    """Commands of a motor controller."""

    STOP = "Stop"
    ABORT = "Abort"
    MOVE_TOGETHER = "MoveTogether"
    MOVE_COORDINATED = "MoveCoordinated"
    CHECK_TRAJECTORY = "CheckTrajectory"
    ARM_TRAJECTORY = "ArmTrajectory"
    START_TRAJECTORY = "StartTrajectory"
    QUERY = "Query"


class CalculationAttribute(StrEnum):
    """Attributes of a calculation of pseudo axes."""

    REAL_AXES = "RealAxes"
    PSEUDO_AXES = "PseudoAxes"


class CalculationCommand(StrEnum):
    """Commands of a calculation of pseudo axes."""

    STOP = "Stop"
    ABORT = "Abort"
    MOVE_TOGETHER = "MoveTogether"
    REAL_TARGETS = "RealTargets"
    PSEUDO_POSITIONS = "PseudoPositions"


PSEUDO_AXIS_ATTRIBUTES = (
    AxisAttribute.POSITION,
    AxisAttribute.DIAL_POSITION,
    AxisAttribute.TARGET,
    AxisAttribute.OFFSET,
    AxisAttribute.SIGN,
    AxisAttribute.LOW_LIMIT,
    AxisAttribute.HIGH_LIMIT,
    AxisAttribute.FIXED,
    AxisAttribute.OWNER,
    AxisAttribute.CONTROLLER,
)
"""Attributes of an axis that a pseudo axis has too."""

PSEUDO_AXIS_COMMANDS = (
    AxisCommand.STOP,
    AxisCommand.ABORT,
    AxisCommand.AWAIT_REST,
    AxisCommand.CHECK_TARGETS,
    AxisCommand.DEFINE_POSITION,
    AxisCommand.FIX,
    AxisCommand.RELEASE,
    AxisCommand.LOCK,
    AxisCommand.UNLOCK,
)
"""Commands of an axis that a pseudo axis has too."""


class MultipositionAttribute(StrEnum):
    """Attributes of an object with named positions."""

    POSITION = "Position"
    TARGET = "Target"
    POSITION_NAMES = "PositionNames"


class MultipositionCommand(StrEnum):
    """Commands of an object with named positions."""

    STOP = "Stop"
    ABORT = "Abort"


class AttenuatorAttribute(StrEnum):
    """Attributes of an attenuator."""

    FILTER = "Filter"
    TRANSMISSION = "Transmission"
    ENERGY = "Energy"
    FILTER_NAMES = "FilterNames"
    TRANSMISSIONS = "Transmissions"


class AttenuatorCommand(StrEnum):
    """Commands of an attenuator."""

    STOP = "Stop"
    ABORT = "Abort"


class ShutterAttribute(StrEnum):
    """Attributes of a shutter."""

    POSITION = "Position"
    FORBIDDEN = "Forbidden"


class ShutterCommand(StrEnum):
    """Commands of a shutter."""

    OPEN = "Open"
    CLOSE = "Close"


class MachineAttribute(StrEnum):
    """Attributes of the machine that makes the beam."""

    RING_CURRENT = "RingCurrent"
    FRONT_END_OPEN = "FrontEndOpen"
    SECONDS_TO_TOP_UP = "SecondsToTopUp"
    BEAM = "Beam"


class CounterCardAttribute(StrEnum):
    """Attributes of a counter card, beside one for each channel, see `channel_attribute`."""

    INTEGRATION_TIME = "IntegrationTime"
    ELAPSED_TIME = "ElapsedTime"
    COUNTS = "Counts"
    CHANNEL_NAMES = "ChannelNames"


class CounterCardCommand(StrEnum):
    """Commands of a counter card."""

    START = "Start"
    STOP = "Stop"
    ABORT = "Abort"


class MeasurementGroupAttribute(StrEnum):
    """Attributes of a measurement group."""

    COUNTERS = "Counters"
    DISABLED = "Disabled"
    CHAIN = "Chain"


class MeasurementGroupCommand(StrEnum):
    """Commands of a measurement group."""

    ENABLE = "Enable"
    DISABLE = "Disable"
    SET_CHAIN = "SetChain"


class DetectorAttribute(StrEnum):
    """Attributes of each detector that measures frames, spectra or samples, and numbers computed from them."""

    INTEGRATION_TIME = "IntegrationTime"
    ELAPSED_TIME = "ElapsedTime"
    COUNTER_NAMES = "CounterNames"
    COUNTER_VALUES = "CounterValues"
    CAPABILITIES = "Capabilities"


class DetectorCommand(StrEnum):
    """Commands of each such detector."""

    START = "Start"
    STOP = "Stop"
    ABORT = "Abort"
    DESCRIBE_SCAN = "DescribeScan"


class RegionAttribute(StrEnum):
    """Attribute of detectors with regions of interest."""

    REGIONS = "Regions"


class RegionCommand(StrEnum):
    """Commands of detectors with regions of interest."""

    ADD_REGION = "AddRegion"
    REMOVE_REGION = "RemoveRegion"


class CameraAttribute(StrEnum):
    """Attributes of a camera, beside those of each detector."""

    IMAGE = "Image"
    WIDTH = "Width"
    HEIGHT = "Height"
    BINNING = "Binning"
    READ_OUT_REGION = "ReadOutRegion"
    BEAM_POSITION = "BeamPosition"


class McaAttribute(StrEnum):
    """Attributes of a spectrum analyser, beside those of each detector."""

    SPECTRUM = "Spectrum"
    ENERGIES = "Energies"
    CALIBRATION = "Calibration"
    PRESET = "Preset"


class DigitiserAttribute(StrEnum):
    """Attributes of a digitiser, beside those of each detector."""

    SAMPLE_RATE = "SampleRate"
    RECORD = "Record"
    LOST_SAMPLES = "LostSamples"


class BeamSynchronousAttribute(StrEnum):
    """Attributes of a beam-synchronous source, beside those of each detector, `Image` and those of regions."""

    PULSE_ID = "PulseId"
    RATE = "Rate"
    LAG = "Lag"
    RECORD = "Record"
    PULSE_COUNTS = "PulseCounts"


class AcquisitionAttribute(StrEnum):
    """Attributes of each device that takes part in scans."""

    SCAN_STATUS = "ScanStatus"


class AcquisitionCommand(StrEnum):
    """Commands of each device that takes part in scans."""

    ARM_SCAN = "ArmScan"
    DISARM_SCAN = "DisarmScan"


class CalculatedCommand(StrEnum):
    """Commands of a device that calculates counters."""

    CALCULATE = "Calculate"


class ScanSessionAttribute(StrEnum):
    """Attributes of the device that shows the scan of a session."""

    NUMBER = "Number"
    IDENTIFIER = "Identifier"
    TITLE = "Title"
    USER = "User"
    SCAN_STATE = "ScanState"
    SENTENCE = "Sentence"
    POINTS_DONE = "PointsDone"
    POINTS = "Points"
    PROGRESS = "Progress"
    TIME_LEFT = "TimeLeft"


class ScanSessionCommand(StrEnum):
    """Commands of the device that shows the scan of a session."""

    PAUSE = "Pause"
    RESUME = "Resume"
    STOP = "Stop"
    ABORT = "Abort"


class WriterAttribute(StrEnum):
    """Attributes of a writer."""

    PROGRESS = "Progress"
    LAG_SECONDS = "LagSeconds"
    LAG_BYTES = "LagBytes"
    OPEN_FILES = "OpenFiles"
    FREE_BYTES = "FreeBytes"
    LAST_ERROR = "LastError"


class AnalysisAttribute(StrEnum):
    """Attributes of a pipeline of live analysis, beside those of its stages' parameters."""

    ACTIVE = "Active"
    RATE = "Rate"
    LAG = "Lag"
    POINTS = "Points"
    ERRORS = "Errors"
    LAST_ERROR = "LastError"
    PROGRESS = "Progress"
    STAGES = "Stages"
    RESULTS = "Results"


class AnalysisCommand(StrEnum):
    """Commands of a pipeline of live analysis."""

    DESCRIBE_RESULTS = "DescribeResults"


class AnalysisWorkersAttribute(StrEnum):
    """Attributes of a device that keeps workers of a pipeline on its host."""

    WORKERS = "Workers"
    RESTARTS = "Restarts"
    LAST_ERROR = "LastError"


class LogbookAttribute(StrEnum):
    """Attributes of a logbook."""

    WRITTEN = "Written"
    LATEST = "Latest"
    POSTED = "Posted"
    DROPPED = "Dropped"
    POST_PROBLEM = "PostProblem"


class LogbookCommand(StrEnum):
    """Commands of a logbook."""

    ADD = "Add"


class WriterCommand(StrEnum):
    """Commands of a writer."""

    FLUSH = "Flush"
    PAUSE = "Pause"
    RESUME = "Resume"
    REWRITE = "Rewrite"
    DESCRIBE_DATASET = "DescribeDataset"
    CLAIM_DATASET = "ClaimDataset"


class LoggerAttribute(StrEnum):
    """Attributes of a data logger."""

    SUBSCRIBED = "Subscribed"
    MISSING = "Missing"
    TOO_FAST = "TooFast"
    RATE = "Rate"
    STORED = "Stored"
    WAITING = "Waiting"
    LAG = "Lag"
    DROPPED = "Dropped"
    REFUSED = "Refused"
    DISK_FREE = "DiskFree"
    FOLDER = "Folder"
    TEST_SIGNAL = "TestSignal"
    SELF_TEST = "SelfTest"


class LoggerCommand(StrEnum):
    """Commands of a data logger; JSON in and out."""

    HISTORY = "History"
    VALUE_AT = "ValueAt"
    ALIGNED = "Aligned"
    CONFIGURATION = "Configuration"
    WHAT_CHANGED = "WhatChanged"
    SEARCH = "Search"
    SAVE_SNAPSHOT = "SaveSnapshot"
    SNAPSHOTS = "Snapshots"
    SNAPSHOT = "Snapshot"
    COMPARE_SNAPSHOTS = "CompareSnapshots"
    RESTORE_SNAPSHOT = "RestoreSnapshot"


FOR_EVERYONE = frozenset(
    {
        *(AxisCommand.STOP, AxisCommand.ABORT, AxisCommand.UNLOCK, AxisCommand.AWAIT_REST),
        *(AxisCommand.CHECK_TARGETS, AxisCommand.CHECK_SWEEP, CalculationCommand.REAL_TARGETS),
        *(AcquisitionCommand.DISARM_SCAN, DetectorCommand.DESCRIBE_SCAN, CalculatedCommand.CALCULATE),
        AnalysisCommand.DESCRIBE_RESULTS,
        *(WriterCommand.DESCRIBE_DATASET, *(set(LoggerCommand) - {LoggerCommand.RESTORE_SNAPSHOT})),
        *("ListServers", "ReadLog", "SetLoggingLevel", "GetLoggingLevel"),
    }
)
"""Commands that change nothing, stop something, or end what was begun: also for those who only look on in a session."""


def channel_attribute(channel: str) -> str:
    """The attribute of a counter card's channel: `i0` → `I0`, `sample_diode` → `SampleDiode`."""
    return "".join(part[:1].upper() + part[1:] for part in channel.split("_"))


ACTING: Mapping[str, frozenset[str]] = {
    "Axis": frozenset({"position"}),
    "Loop": frozenset({"setpoint"}),
    "SoftLoop": frozenset({"setpoint"}),
    "Output": frozenset({"value"}),
    "Attenuator": frozenset({"filter"}),
    "DigitalIo": frozenset({"*"}),
    "AnalogueIo": frozenset({"*"}),
}
"""Attributes in lower case, by Tango class of ours, that set something going when they are written; `*` for all."""

FOLLOWING: Mapping[str, frozenset[str]] = {
    "PseudoAxis": frozenset({"position"}),
    "Multiposition": frozenset({"position"}),
    "Loop": frozenset({"position"}),
    "SoftLoop": frozenset({"position"}),
    "Attenuator": frozenset({"transmission"}),
    "Shutter": frozenset({"position"}),
}
"""Those that say in other words what others say, or that only people decide on, such as whether a shutter is open."""
