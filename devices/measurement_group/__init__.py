"""Measurement groups: what a scan measures when nobody says otherwise."""
