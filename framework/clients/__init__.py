"""The devices of a beamline as Python objects for shells, scripts and scans: commands and positions over Tango."""
