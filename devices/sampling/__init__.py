"""Sampling counters: any attribute of any Tango device, measured in scans."""
