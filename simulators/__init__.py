"""Simulated hardware behind real wire protocols over TCP; imports nothing of ours."""
