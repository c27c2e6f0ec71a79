"""The station's link to its CSMS: connection, delivery of what is owed, and the translation to core and hardware."""
