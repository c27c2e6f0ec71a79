"""Simulated people and replayed days, for the demo and for proofs. Never part of a site with real hardware."""
