"""People and groups as relations that statements join. Pure; values stay bound.

All take ``project_id`` as a bound value.
"""

from query_api.questions.people_sql import LINKED_PEOPLE

# The rules of docs/identity.md: the last $set counts if nothing took it away since; else the first $set_once after
# the last $unset. At one instant an event's $unset comes after its $set.
_PRESENT = """
    SELECT {person} AS person, property,
        max(facts.last_set) AS latest,
        max(facts.last_unset) AS taken,
        arrayMin(
            arrayFilter(
                once -> (once.1, once.2) > taken,
                groupUniqArrayIf((once_at, once_id, once), once_id != '')
            )
        ) AS first_once,
        multiIf(
            latest.2 != '' AND (latest.1, latest.2) > taken, latest.3,
            first_once.2 != '', first_once.3,
            ''
        ) AS value
    FROM person_facts AS facts
    {join}
    WHERE project_id = {project_id:UInt32} AND of = 'person'{only}{ids}
    GROUP BY person, property
    HAVING value != ''
"""
_ONE_IS_ANOTHER = f"LEFT ANY JOIN {LINKED_PEOPLE} AS linked ON linked.distinct_id = facts.holder"
_RESOLVED = "if(linked.person_id = '', facts.holder, linked.person_id)"


def person_values(*, linked: bool, only: str | None = None, ids: str | None = None) -> str:
    """Return a subquery, in brackets: (person String, property String, value String).

    Args:
        linked: whether ids of the project are linked.
        only: the placeholder of an array of texts: properties besides which none are wanted, which costs less.
        ids: likewise: distinct ids besides which none are wanted. Give all of a person.

    ``value`` is JSON. Properties that a person does not have (any more) have no row.
    """
    return f"(SELECT person, property, value FROM ({_present(linked=linked, only=only, ids=ids)}))"


def person_relation(*, linked: bool, only: str | None = None, ids: str | None = None) -> str:
    """Return a subquery, in brackets: (person String, properties Map(String, String)), values being JSON.

    People of whom nothing is known have no row. Arguments as for :func:`person_values`.
    """
    return f"""(
    SELECT person, mapFromArrays(groupArray(property), groupArray(value)) AS properties
    FROM ({_present(linked=linked, only=only, ids=ids)})
    GROUP BY person
)"""


def group_values(*, of: str, only: str | None = None) -> str:
    """Return a subquery, in brackets: (key String, property String, value String), of groups of one type.

    Args:
        of: placeholder of what the facts are of: ``group:`` and the type.
        only: as for :func:`person_values`, as is ``value``.
    """
    wanted = f" AND property IN {only}" if only is not None else ""
    return f"""(
    SELECT holder AS key, property, max(last_set).3 AS value
    FROM person_facts
    WHERE project_id = {{project_id:UInt32}} AND of = {of}{wanted}
    GROUP BY key, property
)"""


def _present(*, linked: bool, only: str | None, ids: str | None) -> str:
    fragments = {
        "person": _RESOLVED if linked else "facts.holder",
        "join": _ONE_IS_ANOTHER if linked else "",
        "only": f" AND property IN {only}" if only is not None else "",
        "ids": f" AND facts.holder IN {ids}" if ids is not None else "",
    }
    statement = _PRESENT
    for name, fragment in fragments.items():
        statement = statement.replace("{" + name + "}", fragment)
    return statement
