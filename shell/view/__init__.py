"""The live view: a web page of the running beamline, and the process that feeds it."""
