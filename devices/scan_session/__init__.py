"""The scan session: shows the running scan to any Tango client and takes its orders; holds the suspenders."""
