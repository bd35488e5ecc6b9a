"""The contracts of SmolHog: what clients send, what the log holds, what the stores keep.

Everything here is pure: no I/O, no clock, no framework. Pydantic models state a contract for
people and for generated documents; msgspec structs carry the same data on the hot path. A property
test holds the two to the same verdict.
"""
