"""The gateway: takes events over WebSocket and HTTP, judges them, and acks what the event log holds.

The protocols are pure (`native`, `exact`, `cut`, `packed`, `session`, `vendors/`): bytes and facts in,
values out. `stream`, `http`, `vendor_http`, `health` and `server` are the thin edge around them; `gather` stands
between the edge and the event log.
"""
