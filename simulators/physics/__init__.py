"""The simulated world: how things move, shine and are counted; knows nothing of wires and protocols."""
