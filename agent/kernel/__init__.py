"""The kernel: one runner that takes what came in, lets the core decide, commits, and only then lets anybody hear.

asyncio, but no sockets and no files of its own: time comes from `clock`, durability from `agent.journal`.
"""
