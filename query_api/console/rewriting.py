"""From SQL that somebody wrote to a statement that may run. Pure."""

import logging
import re
from typing import Any, ClassVar

import sqlglot
from sqlglot import exp
from sqlglot.dialects.clickhouse import ClickHouse
from sqlglot.errors import SqlglotError
from sqlglot.parsers.clickhouse import ClickHouseParser

from query_api.console.relations import RELATIONS
from query_api.console.words import check_words, refused
from query_api.questions.bindings import SqlPart

MAX_QUERY = 20_000
_MAX_DEPTH = 40
_NAME = re.compile(r"[^\x00-\x1f\x7f\"'`\\{}]{1,200}")
CTE, _RELATION = "smolhog_cte_", "smolhog_relation_"
_OURS = "smolhog_"
_TABLES = ", ".join(RELATIONS)
_ORDINARY = ("this", "alias", "joins")


class ConsoleDialect(ClickHouse):
    """ClickHouse's SQL, in which a function is a name with arguments and nothing that the parser could know better.

    So functions come out as they went in, and every string is a literal of the tree.
    """

    class Parser(ClickHouseParser):
        """Knows none of the functions but those whose arguments are not just expressions."""

        FUNCTIONS: ClassVar[dict[str, Any]] = {}
        NO_PAREN_FUNCTIONS: ClassVar[dict[Any, Any]] = {}
        FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
            name: parser
            for name, parser in ClickHouseParser.FUNCTION_PARSERS.items()
            if name in {"CAST", "EXTRACT"}
        }


# The parser complains there about what is refused here anyway.
logging.getLogger("sqlglot").setLevel(logging.CRITICAL)


def rewrite(query: str) -> SqlPart:
    """Return what to run for a query; its strings are bound, and its tables are filtered by ``project_id``.

    Args:
        query: one SELECT in ClickHouse's SQL.

    Raises:
        InvalidParameter: it is anything else, or uses what is not allowed.
    """
    tree = _parse(query)
    _check_names(tree)
    _check_membership(tree)
    _put_tables(tree)
    parameters = _bind_strings(tree)
    try:
        text = tree.sql(ConsoleDialect, identify=True, comments=False)
    except (SqlglotError, RecursionError, ValueError) as error:
        raise refused("this query cannot be understood; write it in a simpler way") from error
    check_words(text)
    for name, relation in RELATIONS.items():
        text = text.replace(f'"{_RELATION}{name}"', relation)
    return SqlPart(text, parameters)


def _parse(query: str) -> exp.Expression:
    if len(query) > MAX_QUERY:
        raise refused(f"a query may have {MAX_QUERY} characters")
    if _depth(query) > _MAX_DEPTH:
        raise refused(f"brackets may stand within each other {_MAX_DEPTH} deep")
    try:
        trees = [tree for tree in sqlglot.parse(query, dialect=ConsoleDialect) if tree is not None]
    except (SqlglotError, RecursionError, ValueError) as error:
        raise refused(f"this is no SQL that can be understood: {_reason(error)}") from error
    if len(trees) != 1:
        raise refused("write one query, without semicolons")
    (tree,) = trees
    if not isinstance(tree, exp.Select | exp.SetOperation | exp.Subquery):
        raise refused("only SELECT can be used here")
    return tree


def _depth(query: str) -> int:
    """How deep brackets may at most be: those in strings count too, and keywords that nest without any."""
    depth = deepest = 0
    for character in query:
        if character in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in ")]}":
            depth = max(0, depth - 1)
    # A chain of prefixes nests as deep as it is long.
    return deepest + max((len(run[0]) for run in re.finditer(r"(?:[-+~!]\s*){8,}", query)), default=0)


def _reason(error: Exception) -> str:
    if isinstance(error, sqlglot.errors.ParseError) and error.errors:
        first = error.errors[0]
        return f"{first.get('description')} (line {first.get('line')}, column {first.get('col')})"
    return str(error).partition("\n")[0][:200] or type(error).__name__


def _check_names(tree: exp.Expression) -> None:
    for identifier in tree.find_all(exp.Identifier):
        name = identifier.name
        if not _NAME.fullmatch(name) or name.startswith(_OURS):
            raise refused(f"{name[:64]!r} cannot be a name here")
    if tree.find(exp.Placeholder, exp.Parameter, exp.SessionParameter) is not None:
        raise refused("a query has no parameters here; write the values")


def _check_membership(tree: exp.Expression) -> None:
    """Refuse a name on the right of IN: the store would take it for a table."""
    for membership in tree.find_all(exp.In):
        field = membership.args.get("field")
        if field is not None and not _is_literal(field):
            raise refused("IN takes a list of values or a subquery in brackets; has() looks into an array")
        if not all(_is_literal(value) for value in membership.expressions):
            raise refused("IN takes literal values or a subquery; compare with = or has() instead")
        if membership.args.get("unnest") is not None:
            raise refused("IN takes a list of values or a subquery in brackets")


def _is_literal(value: exp.Expression) -> bool:
    if isinstance(value, exp.Literal | exp.Boolean | exp.Null):
        return True
    if isinstance(value, exp.Neg | exp.Paren):
        return _is_literal(value.this)
    if isinstance(value, exp.Tuple | exp.Array):
        return bool(value.expressions) and all(_is_literal(part) for part in value.expressions)
    return False


def _put_tables(tree: exp.Expression) -> None:
    """Put relations in the place of tables, and rename what WITH names, so that it can be nothing else."""
    named = set()
    for cte in tree.find_all(exp.CTE):
        if not cte.args.get("scalar"):
            named.add(cte.alias)
            cte.args["alias"].set("this", exp.to_identifier(f"{CTE}{cte.alias}", quoted=True))
    if shadowed := sorted(named & RELATIONS.keys()):
        raise refused(f"WITH cannot give the name {shadowed[0]} to something else")
    for table in list(tree.find_all(exp.Table)):
        if any(value for name, value in table.args.items() if name not in _ORDINARY):
            raise refused(
                f"a table stands by itself here, without a database or an addition; there are {_TABLES}"
            )
        if not isinstance(table.this, exp.Identifier):
            raise refused(
                f"functions cannot be tables here; there are {_TABLES}, and arrayJoin() for ARRAY JOIN"
            )
        name = table.name
        if name in named:
            target = f"{CTE}{name}"
        elif name in RELATIONS:
            target = f"{_RELATION}{name}"
        else:
            raise refused(f"there is no table {name[:64]!r} here; there are {_TABLES}")
        if not table.alias:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(name, quoted=True)))
        table.set("this", exp.to_identifier(target, quoted=True))


def _bind_strings(tree: exp.Expression) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    for literal in list(tree.find_all(exp.Literal)):
        text = literal.this
        if not literal.is_string:
            if not re.fullmatch(r"[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?", str(text), re.ASCII):
                raise refused(f"{str(text)[:64]!r} is no number that can be used here")
            continue
        if isinstance(literal.parent, exp.Interval):
            if not re.fullmatch(r"[0-9]{1,9}", text, re.ASCII):
                raise refused("an INTERVAL takes a whole number")
            literal.replace(exp.Literal.number(text))
            continue
        name = f"s{len(parameters)}"
        parameters[name] = text
        literal.replace(exp.Var(this=f"{{{name}:String}}"))
    return parameters
