"""When a process that ended is started again. Pure: times are arguments, nothing waits."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """How long to wait before a process is started again, and when to ask a person to look.

    Args:
        first_seconds: delay after the first quick crash.
        factor: by which each further quick crash multiplies the delay.
        most_seconds: the delay never exceeds this. There is no last attempt: what is broken may be
            a broker that somebody is about to bring back.
        stable_seconds: a process that ran for this long had started well; its crash counts as a first.
        report_every: quick crashes in a row after which a person is told where to look.
    """

    first_seconds: float = 0.25
    factor: float = 2.0
    most_seconds: float = 30.0
    stable_seconds: float = 30.0
    report_every: int = 5


@dataclass(frozen=True, slots=True)
class Restart:
    """What to do about one exit."""

    delay_seconds: float
    quick_crashes: int
    """Exits in a row after less than ``stable_seconds``, this one included; 0 after a stable run."""
    report: bool
    """Whether to show the last lines of the log now."""


class RestartCounter:
    """Counts the quick crashes of one process.

    >>> counter = RestartCounter(RestartPolicy(first_seconds=1, most_seconds=3, report_every=3))
    >>> [counter.on_exit(ran_seconds=0.1).delay_seconds for _ in range(4)]
    [1.0, 2.0, 3.0, 3.0]
    >>> counter.on_exit(ran_seconds=3600)
    Restart(delay_seconds=0.0, quick_crashes=0, report=False)
    """

    def __init__(self, policy: RestartPolicy) -> None:
        self._policy = policy
        self._quick = 0

    def on_exit(self, ran_seconds: float) -> Restart:
        """Decide what happens after a process ended that had run for ``ran_seconds``."""
        policy = self._policy
        if ran_seconds >= policy.stable_seconds:
            self._quick = 0
            return Restart(0.0, 0, report=False)
        self._quick += 1
        # The exponent is bounded so that a process that crashes for weeks cannot overflow a float.
        delay = float(policy.first_seconds * policy.factor ** min(self._quick - 1, 64))
        return Restart(
            min(delay, float(policy.most_seconds)),
            self._quick,
            report=self._quick % policy.report_every == 0,
        )
