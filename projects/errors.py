"""What can go wrong with projects and keys.

::

    ProjectError
    |-- ProjectExists    the name is taken
    |-- NoSuchProject    nobody made it
    |-- NoSuchKey        nobody made it
    `-- InvalidOrigin    not an origin as browsers write it
"""


class ProjectError(Exception):
    """A request about projects or keys cannot be met."""


class ProjectExists(ProjectError):  # noqa: N818 - names the fact
    """The name is taken."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is a project named {name!r} already")


class NoSuchProject(ProjectError):  # noqa: N818 - names the fact
    """Nobody made a project of that name or number."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no project {name!r}; `smolhog projects list` shows those there are")


class NoSuchKey(ProjectError):  # noqa: N818 - names the fact
    """Nobody made a key of that number."""

    def __init__(self, key_id: int) -> None:
        super().__init__(f"there is no key {key_id}; `smolhog keys list` shows those there are")


class InvalidOrigin(ProjectError):  # noqa: N818 - names the fact
    """The text is not one web origin."""

    def __init__(self, text: str) -> None:
        super().__init__(f"{text!r} is not an origin: write scheme and host only, as in https://shop.example")
