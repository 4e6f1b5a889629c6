"""What every part stands on: configuration, services, host agent, stream, clients of our devices."""
