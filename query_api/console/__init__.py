"""SQL that people write: SELECT over the rows of their own project, and nothing else.

Two guards that know nothing of each other stand before the store, and a third in it. ``rewriting`` parses the
text, allows only what it knows, puts filtered subqueries in the place of tables and makes the text anew, with
all strings bound. ``words`` looks at every word of the new text against lists of what may be there. In the
store the statement may only read, within limits, and every table filters by the project once more.
"""
