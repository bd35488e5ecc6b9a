"""The query API: what dashboards and people ask of the stored events, over HTTP with read keys."""
