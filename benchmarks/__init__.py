"""Benchmarks: how fast it is, how much it costs, and whether anything was lost on the way."""
