"""Between hardware and core: readings become Observations, views become leased outputs. Decides nothing."""
