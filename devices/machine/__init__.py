"""What the machine that makes the beam tells the beamline."""
