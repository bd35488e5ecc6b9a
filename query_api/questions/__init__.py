"""The language that questions are asked in: filters, selectors, breakdowns, ranges, and the SQL that they mean.

Models state what may be asked (``filters``, ``selectors``, ``ranges``, ``question``). Everything else is pure and
turns them into parts of statements: nothing that a person wrote ever stands in the text of one, values are bound
(``bindings``). An analysis goes like this::

    as_of, scope = await open_question(rooms, project_id, asked)  # what the project knows: people, cohorts
    span = span_of(asked.range, asked.timezone, rooms.now())
    which = selector_sql(asked.selector, scope, asked.filter)
    events = events_relation(scope, span.start_micros, span.end_micros, where=which)
    rows = await rooms.columns.rows(f"SELECT person, count() FROM {events} GROUP BY person",
                                    scope.bindings.parameters, Row)
"""
