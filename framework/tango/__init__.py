"""What our device servers and their Python clients agree on: names and errors."""
