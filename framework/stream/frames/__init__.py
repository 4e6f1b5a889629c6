"""Large frames: rings in shared memory, the server that hands them out, detectors' files, and reading any of them."""
