"""People: which ids belong to one person, what is known about them, and groups of them. docs/identity.md has the rules."""
