"""What devices are set to, kept under names: taken, compared, restored."""
