"""The gateway: takes events over WebSocket and HTTP, judges them, and acks what the event log holds.

The protocol is pure (`native`, `exact`, `cut`, `packed`, `first_sdk`, `session`): bytes and facts
in, values out. `stream`, `http`, `health` and `server` are the thin edge around it; `gather` stands
between the edge and the event log.
"""
