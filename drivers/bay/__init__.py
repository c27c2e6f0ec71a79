"""Bay sensors on real inputs. Knows nothing of `agent`."""
