"""OCPP without sockets: frames, the RPC engine of one connection, and the translators of each version."""
