"""The same work done by other means, for comparison."""
