"""The journal of one charging location: events, snapshots, owed messages and the stores that share their commit."""
