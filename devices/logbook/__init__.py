"""The logbook: writes what people did and said beside the data, and passes it on."""
