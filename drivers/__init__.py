"""Hardware behind ports: what a device can do, how it is reached, and the binding of both. Knows nothing of `agent`."""
