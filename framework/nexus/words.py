"""The words by which a scan's description speaks to the writer. Importing them needs nothing else."""

from __future__ import annotations

CONSUMER = "writer"
"""Name of the writers among the consumers of a scan that is to be saved: `Description(consumers=(CONSUMER,))`."""

POSITIONERS = "positioners"
"""In the description's attributes: where everything stood when the scan began, as
`{"samx": {"value": 1.5, "unit": "mm"}}`; it becomes `instrument/positioners_start`."""

POSITIONERS_END = "positioners_end"
"""Name of the device that publishes one point when the scan ends: where everything stands then. Its channels become
`instrument/positioners_end/<name>`, where the name is the channel's attribute `positioner`, else its own name."""

POSITIONER = "positioner"
"""Channel attribute of a channel of the device above: the name of the axis. Channel names are unique in a scan, so the
channel itself is called something like `samx at end`."""

ROLE = "role"
"""Channel attribute: `positioner` for what the scan moves (an NXpositioner); anything else is a detector."""

VALIDITY = "validity"
"""Role of a channel that is 1 for good points of its device and 0 for others: nothing that is measured."""

STORE = "store"
"""Channel attribute of a channel stored by reference: `file` if its frames stay in files of the detector, to which the
scan's file then links; without it they are copied into the scan's file, wherever they are."""

FIELDS = "fields"
"""Channel attribute: what else the channel's group in the file holds, by name, see `layout`."""

PLOT = "plot"
"""In the description's attributes: the default plot, `{"signals": ["diode"], "axes": ["samx"]}`; without it the first
detector of single values against the first positioner."""

DEFINITION = "definition"
"""In the description's attributes: the NeXus application definition that the scan follows, which channel plays which
role in it, and what no channel measures: `{"name": "NXxas", "roles": {"energy": "mono", …}, "values": {"edge": "K"}}`.
The files in `definitions` say which roles and values there are."""

EXPOSURE = "exposure"
"""In the description's attributes: exposure time of each point in s; the longest, if points differ."""

EXPOSURE_CHANNEL = "exposure_time"
"""Channel of the exposure time of each point in s, in a scan whose points differ."""

TRIGGERS = "triggers"
"""In the description's attributes: what bounds the points of a continuous scan, as a sentence; empty for others. It
becomes `triggers`."""

NAME = "name"
"""In the description's attributes: what kind of scan it is, such as `ascan`."""

PLANNED = "scan_point"
"""Channel of a scan with suspenders: the index of the point in the plan that an entry is for."""

VALID = "valid"
"""Channel of a scan with suspenders: 0 for a point that one of them spoilt, 1 for the others. Also of continuous scans:
0 for a point whose triggers did not come as they should."""

GRID = "grid"
"""In the description's attributes: the lattice that the points of a mesh fill, its last axis first:
`{"axes": ["samz", "samy"], "positions": [[0, 1], [0, 0.5, 1]], "backnforth": false}`; with `backnforth` every second
row is measured from its end."""

SUSPENDERS = "suspenders"
"""In the description's attributes: names of what can let the scan wait."""

BEAMLINE = "beamline"
"""In the description's attributes: name of the beamline."""

AFTER_SCAN = "after_scan"
"""In the description's attributes: the hooks that run after the scan, as in YAML, so that others can run them if its
owner dies."""

METADATA = "metadata"
"""In the description's attributes: what the user adds, by name: a plain value, or `{"value": 293, "unit": "K"}`. It
becomes `scan_meta/<name>`."""

TECHNIQUE = "technique"
"""In the description's attributes: the technique that the scan belongs to, such as `XAS`."""

SAMPLE_DESCRIPTION = "sample_description"
"""In the description's attributes: what the sample is, in words."""

BASELINE = "baseline"
"""In the description's attributes: chosen attributes of any devices when the scan began, as `positioners`; values may
be text. It becomes `instrument/baseline_start`."""

BASELINE_END = "baseline_end"
"""Name of the device that publishes the same when the scan ends, as `positioners_end`."""

DURATIONS = "durations"
"""Name of the device that publishes once, when the scan ends, where its time went: seconds of motion, setup, exposure,
readout and waiting, as `positioners_end`."""

AT_END = frozenset({POSITIONERS_END, BASELINE_END, DURATIONS})
"""Devices that measure nothing at the points of a scan."""

REMARKS = "remarks"
"""In the description's attributes: sentences about what is missing in it."""

MARKS = "marks"
"""Dataset of an entry: what people marked in the live view before the scan ended, as a JSON list; empty for nothing."""

SETTINGS = "settings"
"""In a device's attributes: what it is set to, as `{"count_time": {"value": 0.1, "unit": "s"}}`; values may be text.
They stand in its group of `instrument`."""
