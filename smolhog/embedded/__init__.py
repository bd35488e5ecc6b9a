"""Services that `smolhog up` starts on a laptop: PostgreSQL and a ClickHouse interface over chDB.

Each is a child process in the foreground, run as `python -m smolhog.embedded.<name>`, and is replaced by the
real service by giving the real service's URL.
"""
