"""The beamline's YAML files: reading, checking, describing, writing back."""
