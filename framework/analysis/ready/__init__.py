"""Stages that are ready: in YAML each is called by the name of its module."""
