"""The names of the Tango attributes and commands of regulation: the only place that spells them."""

from __future__ import annotations

from enum import StrEnum


class RegulationControllerAttribute(StrEnum):
    """Attributes of a regulation controller."""

    INPUTS = "Inputs"
    OUTPUTS = "Outputs"
    LOOPS = "Loops"


class RegulationControllerCommand(StrEnum):
    """Commands of a regulation controller."""

    QUERY = "Query"


class InputAttribute(StrEnum):
    """Attributes of an input."""

    VALUE = "Value"
    FAULT = "Fault"


class InputCommand(StrEnum):
    """Commands of an input."""

    MEASURE = "Measure"


class OutputAttribute(StrEnum):
    """Attributes of an output."""

    VALUE = "Value"
    LOW_LIMIT = "LowLimit"
    HIGH_LIMIT = "HighLimit"
    SLEW_RATE = "SlewRate"
    SAFE_VALUE = "SafeValue"
    FED_BY = "FedBy"


class OutputCommand(StrEnum):
    """Commands of an output."""

    TAKE_OVER = "TakeOver"
    FEED = "Feed"
    RELEASE = "Release"
    OFF = "Off"


class LoopAttribute(StrEnum):
    """Attributes of each loop, whether the controller's PID does the work or ours."""

    POSITION = "Position"
    TARGET = "Target"
    SETPOINT = "Setpoint"
    WORKING_SETPOINT = "WorkingSetpoint"
    INPUT = "Input"
    OUTPUT = "Output"
    ERROR = "Error"
    KP = "Kp"
    KI = "Ki"
    KD = "Kd"
    RAMP_RATE = "RampRate"
    DEADBAND = "Deadband"
    DEADBAND_TIME = "DeadbandTime"
    WAIT_MODE = "WaitMode"
    IS_IN_DEADBAND = "IsInDeadband"
    IS_RAMPING = "IsRamping"
    IS_REGULATING = "IsRegulating"
    LOW_LIMIT = "LowLimit"
    HIGH_LIMIT = "HighLimit"
    MODE = "Mode"
    TUNING = "Tuning"
    HISTORY_TIME = "HistoryTime"
    HISTORY_INPUT = "HistoryInput"
    HISTORY_SETPOINT = "HistorySetpoint"
    HISTORY_OUTPUT = "HistoryOutput"
    CAPABILITIES = "Capabilities"


class SoftLoopAttribute(StrEnum):
    """Attributes of a loop whose PID is ours, beside those of each loop."""

    SAMPLING_FREQUENCY = "SamplingFrequency"
    DEADBAND_IDLE_FACTOR = "DeadbandIdleFactor"
    PID_RANGE = "PidRange"
    FEED_FORWARD = "FeedForward"
    PROPORTIONAL_PART = "ProportionalPart"
    INTEGRAL_PART = "IntegralPart"
    DERIVATIVE_PART = "DerivativePart"
    PROPOSED_GAINS = "ProposedGains"
    PROGRAM = "Program"
    PROGRAM_STEP = "ProgramStep"
    CYCLES = "Cycles"
    MISSED_CYCLES = "MissedCycles"
    JITTER = "Jitter"


class LoopCommand(StrEnum):
    """Commands of each loop."""

    START = "Start"
    STOP = "Stop"
    ABORT = "Abort"
    OFF = "Off"
    START_TUNING = "StartTuning"


class SoftLoopCommand(StrEnum):
    """Commands of a loop whose PID is ours, beside those of each loop."""

    MANUAL = "Manual"
    RUN_PROGRAM = "RunProgram"
    STOP_TUNING = "StopTuning"
    TAKE_PROPOSED_GAINS = "TakeProposedGains"


LOOP_MODES = ("pid", "on_off", "manual")
"""What a loop whose PID is ours can do with its output."""
