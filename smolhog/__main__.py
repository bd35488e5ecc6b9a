"""`python -m smolhog`, which is how the supervisor starts its children."""

from smolhog.cli import main

main()
