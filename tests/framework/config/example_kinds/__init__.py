"""Two kinds of device for the tests of the configuration."""
