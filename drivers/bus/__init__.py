"""Buses shared by several devices: one connection, one request at a time. Knows nothing of `agent`."""
