"""Where data belong: the proposal, sample, collection and dataset of a session, and what its user adds to each scan."""
