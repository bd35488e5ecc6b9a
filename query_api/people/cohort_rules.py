"""What makes somebody a member of a cohort."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, field_validator, model_validator

from query_api.questions.filters import MAX_CONDITIONS, Group, Of, Operator, conditions_of, refusal
from query_api.questions.question import conditions_within
from query_api.questions.selectors import Selector

MAX_RULES = 20
_COHORTS = {Operator.IN_COHORT, Operator.NOT_IN_COHORT}


class _Rule(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PropertyRule(_Rule):
    """People whose properties are such."""

    kind: Literal["property"]
    filter: Group = Field(description="Conditions with `of: person`.")

    @field_validator("filter")
    @classmethod
    def _is_about_people(cls, group: Group) -> Group:
        if any(condition.of is not Of.PERSON for condition in conditions_of(group)):
            raise refusal(
                "a property rule compares properties of people: give each condition of=person; "
                "who did something for such groups is said by a behaviour rule"
            )
        return group


class Times(_Rule):
    """How often."""

    operator: Literal[">=", "<=", "="] = ">="
    count: int = Field(default=1, ge=0, le=1_000_000)


class BehaviourRule(_Rule):
    """People who did something so often."""

    kind: Literal["behaviour"]
    selector: Selector = Field(
        description="Which events. With conditions on groups: those that were done for such a group."
    )
    times: Times = Times()
    within: str = Field(
        default="30d",
        pattern=r"^[1-9][0-9]{0,3}[mhdw]$",
        description="How far back from now: minutes, hours, days or weeks.",
        examples=["30d"],
    )


class NotRule(_Rule):
    """Everybody else than a rule says."""

    kind: Literal["not"]
    rule: "PositiveRule"


def _kind(given: Any) -> str:
    kind = given.get("kind") if isinstance(given, dict) else getattr(given, "kind", None)
    return f"({kind})"


# The tags show up in the place of an error, from which query_api/parameters.py drops what is in brackets.
_Property = Annotated[PropertyRule, Tag("(property)")]
_Behaviour = Annotated[BehaviourRule, Tag("(behaviour)")]
PositiveRule = Annotated[_Property | _Behaviour, Discriminator(_kind)]
Rule = Annotated[_Property | _Behaviour | Annotated[NotRule, Tag("(not)")], Discriminator(_kind)]


class CohortDefinition(_Rule):
    """Who belongs to a cohort, found anew for each question."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "match": "all",
                    "rules": [
                        {
                            "kind": "behaviour",
                            "selector": {"event": "purchase"},
                            "times": {"operator": ">=", "count": 2},
                            "within": "30d",
                        },
                        {
                            "kind": "property",
                            "filter": {
                                "filters": [
                                    {"of": "person", "property": "plan", "operator": "=", "value": "pro"}
                                ]
                            },
                        },
                    ],
                }
            ]
        }
    )

    match: Literal["all", "any"] = "all"
    rules: tuple[Rule, ...] = Field(min_length=1, max_length=MAX_RULES)

    @model_validator(mode="after")
    def _is_bounded(self) -> "CohortDefinition":
        conditions = list(conditions_within(self))
        if len(conditions) > MAX_CONDITIONS:
            raise refusal(f"a cohort may have {MAX_CONDITIONS} conditions in all of its rules")
        if any(condition.operator in _COHORTS for condition in conditions):
            raise refusal("a cohort is not made of other cohorts; repeat their rules instead")
        return self


NotRule.model_rebuild()
CohortDefinition.model_rebuild()
