"""Digitisers: samples of many channels at a high rate, and means of them."""
