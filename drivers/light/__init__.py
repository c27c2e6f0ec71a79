"""Status lights on real lines, and the waveforms they follow. Knows nothing of `agent`."""
