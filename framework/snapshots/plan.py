"""What restoring a snapshot would do: what is written, in which order, and what cannot be. Nothing is changed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from ronda.framework.clients.remote import Remote
from ronda.framework.errors import RondaError
from ronda.framework.snapshots import present
from ronda.framework.snapshots.record import DeviceSettings, Setting, Snapshot, same_shown, same_text
from ronda.framework.tango.names import ACTING, FOLLOWING, NO_LIMIT, AxisAttribute
from ronda.framework.tango.values import labels_of

Verdict = Literal["same", "describe", "write", "move", "left", "out of limits", "read-only", "locked", "not there"]
"""What becomes of a setting: it is so already; Tango is told so of the attribute; it is written; an axis moves there;
it sets something going, and is left; its value is not allowed; it cannot be written; somebody has locked the device;
the device or the attribute is not there."""

CHANGES = ("describe", "write", "move")
"""Verdicts of what is done, in this order: limits first, motions last."""

FIRST = ("sign", "offset", "low_limit", "lowlimit", "high_limit", "highlimit")
"""Settings that come first among those of a device: others are judged by them."""


@dataclass(frozen=True)
class Step:
    """One setting, and what becomes of it.

    Attributes:
        device: Tango name in lower case.
        alias: what people call it.
        setting: the attribute, or `attribute.property` of the attribute configuration.
        verdict: see `Verdict`.
        value: what is to be written.
        now: what there is, in words.
        wanted: what is to be, in words.
        reason: why it cannot be, or is left; empty if it is done.
        axis: whether it is the position of an axis of ours.
    """

    device: str
    alias: str
    setting: str
    verdict: Verdict
    value: Any
    now: str
    wanted: str
    reason: str = ""
    axis: bool = False

    @property
    def changes(self) -> bool:
        """Whether something is done."""
        return self.verdict in CHANGES


@dataclass(frozen=True)
class Plan:
    """What restoring a snapshot would do, in this order.

    Attributes:
        steps: all that is not so already.
        same: how many settings are.
        missing: devices of which the snapshot itself knows nothing, each with the reason.
    """

    steps: Sequence[Step]
    same: int
    missing: Mapping[str, str]

    @property
    def changes(self) -> list[Step]:
        """What would be done."""
        return [step for step in self.steps if step.changes]

    @property
    def refusals(self) -> list[Step]:
        """What cannot be done."""
        return [step for step in self.steps if not step.changes and step.verdict != "left"]


def plan(
    snapshot: Snapshot, remote: present.Own, *, positions: bool = False, each: present.Each = present.in_threads
) -> Plan:
    """See what restoring a snapshot would do.

    Args:
        snapshot: which.
        remote: makes clients of devices.
        positions: whether what sets something going is restored too: axes move, loops get their setpoints.
        each: asks devices at the same time.
    """
    found: list[Step] = []

    def look(device: DeviceSettings) -> None:
        try:
            steps = list(_steps(device, remote(device.name), positions=positions, partly=snapshot.archived))
        except RondaError as error:
            steps = [Step(device.name, device.alias, "", "not there", None, "", "", str(error))]
        found.extend(steps)

    each([partial(look, device) for device in snapshot.devices.values()])
    steps = [step for step in found if step.verdict != "same"]
    return Plan(sorted(steps, key=_order), len(found) - len(steps), snapshot.missing)


def _order(step: Step) -> tuple[Any, ...]:
    place = CHANGES.index(step.verdict) if step.changes else len(CHANGES)
    name = step.setting.lower()
    return place, step.device, FIRST.index(name) if name in FIRST else len(FIRST), name


def _steps(device: DeviceSettings, remote: Remote, *, positions: bool, partly: bool) -> Any:
    """What becomes of each setting of one device."""
    now = present.settings_of(remote, device.name, device.alias)
    described = {one.name.lower(): one for one in remote.described()}
    kind = remote.tango_class()
    say = _Saying(device, now)
    for key in sorted({*device.configuration, *({} if partly else now.configuration)}):
        step = _described(say, key, described)
        if step is not None:
            yield step
    owner = _owner(remote, now)
    for key, setting in device.settings.items():
        if key in FOLLOWING.get(kind, ()) if now.ours else False:
            continue
        there = now.settings.get(key)
        wanted = device.wanted(setting)
        if wanted is None and there is not None and now.wanted(there) is None:
            yield Step(device.name, device.alias, there.name, "same", None, "", "")
        elif key not in described or wanted is None:
            reason = "the device has no such attribute" if key not in described else "the snapshot has no value of it"
            yield say.refused(setting, "not there", reason)
        elif there is None:
            writable = described[key].writable in present.WRITABLE
            reason = "it cannot be read now, so nobody knows what it is" if writable else "it can only be read"
            yield say.refused(setting, "read-only", reason)
        elif same_shown(wanted, now.wanted(there), there.form if key == "position" else ""):
            yield Step(device.name, device.alias, there.name, "same", None, "", "")
        else:
            yield _change(
                say, setting, there, described[key], acting=_acts(kind, key, now), positions=positions, owner=owner
            )


class _Saying:
    """Steps of one device."""

    def __init__(self, device: DeviceSettings, now: DeviceSettings) -> None:
        self.device = device
        self.now = now

    def step(self, setting: Setting, verdict: Verdict, value: Any, reason: str = "") -> Step:
        there = self.now.settings.get(setting.name.lower())
        device = self.device
        shown = setting if there is None else there  # with the unit and the name of now
        return Step(
            device.name,
            device.alias,
            shown.name,
            verdict,
            value,
            "not known" if there is None else there.text(self.now.wanted(there)),
            shown.text(device.wanted(setting)),
            reason,
        )

    def refused(self, setting: Setting, verdict: Verdict, reason: str) -> Step:
        return self.step(setting, verdict, None, reason)


def _change(
    say: _Saying, setting: Setting, there: Setting, described: Any, *, acting: bool, positions: bool, owner: str
) -> Step:
    """What becomes of a setting that is another one now."""
    value = say.device.wanted(setting)
    if say.now.ours and isinstance(value, float) and math.isinf(value):
        value = math.copysign(NO_LIMIT, value)  # clients cannot write infinity
    if there.unit != setting.unit and setting.unit:
        return say.refused(setting, "read-only", f"it was in {setting.unit}, and is in {there.unit or 'no unit'} now")
    if acting and not positions:
        return say.step(setting, "left", None, "it sets something going; say that positions shall be restored too")
    if owner:
        return say.refused(setting, "locked", f"in use by {owner}")
    labels = labels_of(described)
    if labels:
        try:
            value = [labels.index(one) for one in value] if isinstance(value, list) else labels.index(value)  # type: ignore[arg-type]
        except ValueError:
            return say.refused(setting, "out of limits", f"allowed is {', '.join(labels)}")
    outside = _outside(value, described)
    if outside:
        return say.step(setting, "out of limits", value, outside)
    step = say.step(setting, "move" if acting else "write", value)
    return replace(step, axis=acting and say.now.ours and there.name == AxisAttribute.POSITION)


def _outside(value: Any, described: Any) -> str:
    """Why Tango's limits refuse a value; empty if they do not."""
    numbers = [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, int | float)]
    bounds: list[tuple[str, str, Callable[[float, float], bool]]] = [
        ("at least", described.min_value, lambda number, bound: number < bound),
        ("at most", described.max_value, lambda number, bound: number > bound),
    ]
    for words, bound, beyond in bounds:
        try:
            limit = float(bound)
        except ValueError:  # Not specified
            continue
        if any(beyond(number, limit) for number in numbers):
            return f"allowed is {words} {bound}"
    return ""


def _described(say: _Saying, key: str, described: Mapping[str, Any]) -> Step | None:
    """What becomes of what Tango is told of an attribute; None if it is no matter of a snapshot."""
    attribute, _, name = key.partition(".")
    old, new = say.device.configuration.get(key), say.now.configuration.get(key)
    if attribute not in described or not present.settable(name):
        return None
    spelt = f"{described[attribute].name}.{name}"
    verdict: Verdict = "same" if same_text(old, new) else "describe"
    device = say.device
    return Step(device.name, device.alias, spelt, verdict, old or "", new or "not set", old or "not set")


def _acts(kind: str, key: str, now: DeviceSettings) -> bool:
    """Whether writing an attribute sets something going."""
    if not now.ours:
        return key == AxisAttribute.POSITION.lower()
    names = ACTING.get(kind, ())
    return key in names or "*" in names


def _owner(remote: Remote, now: DeviceSettings) -> str:
    """Who has locked a device of ours; empty if nobody has, or it knows no locks."""
    if not now.ours:
        return ""
    try:
        return str(remote.read(AxisAttribute.OWNER) or "")
    except RondaError:
        return ""
