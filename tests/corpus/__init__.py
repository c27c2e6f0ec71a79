"""What every reader of ours is tested with."""
