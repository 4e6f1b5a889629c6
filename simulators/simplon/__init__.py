"""The SIMPLON protocol of Dectris detectors: control over HTTP, images over ZeroMQ."""
