"""Which events a flush waits for.

Events belong to *epochs*: ``flush`` ends the current one. An event of an ended epoch does not
linger, and a flush is done when all epochs up to its own are settled.
"""


class Epochs:
    """Counts the unsettled events of each epoch."""

    def __init__(self) -> None:
        self.current = 0
        """What events belong to that are handed in now."""
        self.unsettled: dict[int, int] = {0: 0}
        """Events of each epoch that are neither accepted nor rejected; the current one is always there."""

    def end(self) -> int:
        """End the current epoch, and return it."""
        ended = self.current
        self.current += 1
        self.unsettled[self.current] = 0
        self.forget_settled()
        return ended

    def is_settled(self, epoch: int) -> bool:
        """Whether every event of ``epoch`` and of those before it is settled."""
        return min(self.unsettled) > epoch

    def forget_settled(self) -> None:
        """Let go of ended epochs of which nothing is left."""
        if len(self.unsettled) == 1:
            return
        for epoch in [epoch for epoch, count in self.unsettled.items() if count == 0]:
            if epoch != self.current:
                del self.unsettled[epoch]
