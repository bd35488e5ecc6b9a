"""The ClickHouse sink: rollups, distinct users, sessions, and a columnar copy of the events."""
