"""The configuration: one TOML file, described by types, loaded whole or refused with everything that is wrong with it.

`load.load` reads a text into `types.Config`; `location.location_of` makes the core's layout of it;
`example.example_toml` writes every key with its help. Touches no file but the one it is given and its own `demo.toml`.
"""
