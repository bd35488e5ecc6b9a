"""The PostgreSQL sink: raw events, rejected events, positions."""
