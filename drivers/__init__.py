"""Hardware behind ports: what a device can do, how it is reached, and the binding of both. Imports nothing from `agent`."""
