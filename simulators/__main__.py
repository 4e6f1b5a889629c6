"""`python -m ronda.simulators FILE.json`: run simulated instruments."""

import sys

from ronda.simulators.process import main

sys.exit(main(sys.argv[1:]))
