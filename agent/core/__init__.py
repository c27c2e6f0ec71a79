"""The core: one charging location as a pure state machine.

Nothing here knows a clock, a socket, a file, a thread or chance: time comes in as `Now`, random draws come in with the
request, and what was decided leaves as events. Only the standard library is imported.
"""
