"""The twin: a whole simulated charging location behind the same ports as real hardware. Knows nothing of `agent`."""
