"""Tomograms: dark fields, flat fields, and projections while the sample turns, in one file that NXtomo describes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Unpack

from ronda.framework.clients.axis import Axis
from ronda.framework.clients.counter import Counter
from ronda.framework.clients.shutter import Shutter
from ronda.framework.errors import BadValue, NotAllowed, OutOfRange
from ronda.framework.nexus import words
from ronda.framework.nexus.definitions import nxtomo
from ronda.framework.nexus.definitions.definition import Declaration
from ronda.framework.scan.arguments import MOST_POINTS, a_number, an_axis, exposure_time, whole
from ronda.framework.scan.continuous import HARDWARE, SOFTWARE_TIME, Continuous, Room, check_sweep, choose_triggers
from ronda.framework.scan.fields import Fields, ReturnsIfOwnerDies
from ronda.framework.scan.making import Maker, Options
from ronda.framework.scan.measured import Measured
from ronda.framework.scan.own import OwnScan
from ronda.framework.scan.presets import Preset
from ronda.framework.scan.shutter_preset import ShutterPreset
from ronda.framework.scan.sources import sources
from ronda.framework.scan.sweep import ROUNDING, Line

NAME = "fulltomo"

TRANSLATIONS = ("x_translation", "y_translation", "z_translation")
"""Roles of the axes that move the sample."""


class TomographyScans(Maker):
    """Scans that make a tomogram; see `Scans`."""

    def fulltomo(
        self,
        axis: Axis | str,
        total: float,
        nproj: int,
        time: float,
        *counters: Measured,
        start: float = 0.0,
        out: tuple[Axis | str, float] | None = None,
        darks: int = 10,
        flats: int = 10,
        flats_after: int = 0,
        shutter: Shutter | str | None = None,
        latency: float | None = None,
        triggers: str = "",
        sample: str = "",
        **options: Unpack[Options],
    ) -> OwnScan:
        """Take a tomogram: fulltomo(rot, 180, 900, 0.1, cam, out=(samy, 2), flats_after=10, sample="stone").

        Dark fields are taken with the fast shutter closed, then flat fields with the sample out of the beam, then
        projections while the axis turns without stopping. However it ends, the sample comes back into the beam, and
        the shutter is as it was. The file follows NXtomo.

        Args:
            axis: turns the sample.
            total: over which angle, in its unit; its sign is the direction.
            nproj: number of projections.
            time: of each in s; total / nproj / time is the velocity.
            counters: what to measure; one camera among it.
            start: where the first projection begins.
            out: axis that takes the sample out of the beam for flat fields, and how far, in its unit.
            darks, flats, flats_after: number of dark fields and of flat fields before and behind the projections.
            shutter: a fast shutter that keeps the beam off for dark fields; if nothing is said, the only one there is.
            latency: s of each projection that are left for reading the camera out, with software triggers: all frames
                are exposed for time − latency; as long as it says that it needs, if nothing is said.
            triggers: "hardware" or "software", for the projections; hardware if all devices can, if nothing is said.
                Dark and flat fields are taken at rest, at software triggers.
            sample: its name; the one that the session has, if nothing is said.
            options: see `Options`; `definition=tomo(…)` tells more, such as the size of a pixel.

        Raises:
            OutOfRange: an axis cannot go so far, or not so fast.
            BadValue: an argument is missing, or means nothing.
        """
        turning = an_axis(self.beamline, NAME, axis)
        line = self._projections(turning, start, total, nproj, time)
        fields = self._fields(turning, out, (darks, flats, flats_after), shutter)
        chosen = self.counters(NAME, counters)
        keys = fields.keys(line.npoints)
        if len(keys) > MOST_POINTS:
            raise BadValue(f"{NAME}: {len(keys)} frames are too many; a scan has at most {MOST_POINTS}")
        given = options.get("definition")
        declared = _declared(turning, fields, chosen, keys, sample, given)
        swept = check_sweep(turning, line)
        measuring = sources(self.beamline, chosen)
        room = Room.find(self.beamline, turning, [line], swept, measuring, lambda line: check_sweep(turning, line))
        (line,), swept = room.lines, room.swept
        how, why = choose_triggers(
            self.beamline,
            NAME,
            turning,
            swept,
            measuring,
            triggers,
            line.time,
            at_rest=bool(fields.number),
            without=room.without,
        )
        left = None
        if how != HARDWARE:
            image = next(one for one in chosen if one.name == declared.roles["image"])
            left = self._latency(latency, line.time, image)
        elif latency is not None:
            raise BadValue(
                f"{NAME}: latency= is for software triggers; with hardware triggers the camera says what it needs: "
                'leave it out, or give triggers="software"'
            )
        continuous = Continuous(turning, (line,), swept, triggers=how, why=why, left=left or 0.0, fields=fields)
        if options.get("run", True):
            self.beamline.tell(continuous.why)
        presets: list[Preset] = [ShutterPreset(fields.shutter)] if fields.shutter else []
        presets += [ReturnsIfOwnerDies(fields.out)] if fields.out else []
        return self.make(
            NAME,
            [turning, total, line.npoints, time],
            line.time,
            chosen,
            {**options, "definition": declared},
            points=len(keys),
            axes=[*([fields.out] if fields.out else []), turning],
            keywords={
                "start": start,
                "out": (fields.out, fields.by) if fields.out else None,
                "darks": darks,
                "flats": flats,
                "flats_after": flats_after,
                "shutter": fields.shutter,
                "latency": left,
                "triggers": triggers or None,
            },
            continuous=continuous,
            presets=presets,
        )

    def _latency(self, given: Any, time: float, image: Counter) -> float:
        """Seconds of each projection that are left for reading the camera out.

        Raises:
            OutOfRange: they are too few, or no time is left for the exposure.
            BadValue: the camera is to measure otherwise than the scan.
        """
        (source,) = sources(self.beamline, [replace(image, part=None)])
        if image.part is not None and (image.part.every > 1 or image.part.time is not None or image.part.trigger):
            raise BadValue(
                f"{NAME}: part(…) lets {source.name} measure otherwise than the scan, which needs its frames"
            )
        (channel,) = source.described(time)[0].channels
        told = channel.attributes.get(words.FIELDS, {}).get("frame_time", {})
        read_out = round(max(float(told.get("value", time)) - time, 0.0), 6)
        needed = round(read_out + SOFTWARE_TIME, 6)
        left = needed if given is None else a_number(NAME, "the latency", given, "s")
        if not needed * (1 - ROUNDING) <= left < time:
            raise OutOfRange(
                f"{NAME}: each projection needs {needed:.3g} s to read {source.name} out ({read_out:.3g} s) and for "
                f"software triggers ({SOFTWARE_TIME:g} s); of the {time:g} s that it lasts, "
                f"{left:.3g} s are left for that"
            )
        return left

    def _projections(self, axis: Axis, start: Any, total: Any, nproj: Any, time: Any) -> Line:
        number = whole(NAME, "the number of projections", nproj)
        angle = a_number(NAME, f"the angle over which {axis.name} turns", total, axis.unit)
        first = a_number(NAME, f"the start of {axis.name}", start, axis.unit)
        return Line(first, angle / number, number, exposure_time(NAME, time))

    def _fields(self, turning: Axis, out: Any, numbers: tuple[Any, Any, Any], shutter: Any) -> Fields:
        darks, flats, after = (
            whole(NAME, f"the number of {what}", number) if number else 0
            for what, number in zip(("dark fields", "flat fields", "flat fields after"), numbers, strict=True)
        )
        moving, by = None, 0.0
        if flats or after:
            if not isinstance(out, Sequence) or isinstance(out, str) or len(out) != 2:
                raise BadValue(
                    f"{NAME}: flat fields need an axis that takes the sample out of the beam, and how far it moves, as "
                    f"in out=(samy, 2), not {out!r}; flats=0 takes none"
                )
            moving = an_axis(self.beamline, NAME, out[0])
            by = a_number(NAME, f"the way of {moving.name}", out[1], moving.unit)
            if not by:
                raise BadValue(f"{NAME}: {moving.name} should take the sample out of the beam, not move it by 0")
            if moving.name == turning.name:
                raise BadValue(f"{NAME}: {moving.name} turns the sample; another axis must take it out of the beam")
        return Fields(darks, flats, after, self._shutter(shutter) if darks else None, moving, by)

    def _shutter(self, given: Any) -> Shutter:
        there = [one for one in self.beamline.objects.values() if isinstance(one, Shutter) and not one.safety]
        if given is None and len(there) == 1:
            return there[0]
        if given is None:
            known = f"give one as shutter={there[0].name}" if there else "the beamline has no fast shutter"
            raise BadValue(f"{NAME}: dark fields need a shutter; {known}; darks=0 takes none")
        found = self.beamline[given] if isinstance(given, str) else given
        if not isinstance(found, Shutter):
            raise BadValue(f"{NAME}: shutter={given!r} should be a fast shutter")
        if found.safety:
            raise NotAllowed(f"{found.name}: is a safety shutter, which no scan moves; give a fast shutter")
        return found


def _declared(
    turning: Axis, fields: Fields, chosen: Sequence[Counter], keys: Sequence[int], sample: str, given: Any
) -> Declaration:
    """What the scan declares: what the user has told, with the roles that are known here.

    Raises:
        BadValue: there is no camera, or something else than a tomogram is declared.
    """
    if given is not None and (not isinstance(given, Declaration) or given.name != nxtomo.DEFINITION.name):
        raise BadValue(f"{NAME}: makes a tomogram; definition= should be tomo(…), not {getattr(given, 'name', given)}")
    frames = [one.name for one in chosen if one.described and not one.number and one.channel == "image"]
    image = given.roles["image"] if given is not None else ""
    if image not in frames:
        if not frames:
            raise BadValue(f"{NAME}: needs one camera among the counters; there is none")
        if len(frames) > 1:
            raise BadValue(
                f"{NAME}: needs one camera among the counters; there are {', '.join(frames)}: say which one makes the "
                f'tomogram with definition=tomo({turning.name}, "{frames[0]}")'
            )
        (image,) = frames
    declared = nxtomo.tomo(turning, image, image_key=keys, count_time=words.EXPOSURE_CHANNEL, sample=sample)
    roles, values = {**(given.roles if given else {}), **declared.roles}, {**(given.values if given else {})}
    if fields.out is not None and fields.out.name not in [roles.get(each) for each in TRANSLATIONS]:
        roles[TRANSLATIONS[0]] = fields.out.name
    values |= {name: value for name, value in declared.values.items() if value or name not in values}
    return replace(declared, roles=roles, values=values)
