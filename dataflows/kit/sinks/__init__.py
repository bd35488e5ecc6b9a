"""Where the outputs of flows go, a module for each kind of place."""
