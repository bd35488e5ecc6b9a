-- The index on people's timelines is made of a day once the day is over (sinks/postgres/timelines.py): written
-- for each event as it came, it took a third of PostgreSQL's processor time.
DROP INDEX events_timeline;
