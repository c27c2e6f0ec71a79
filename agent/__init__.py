"""Stationmaster: the agent that runs an EV-charging site."""
