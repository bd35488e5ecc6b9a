"""The catalogue: which events, properties and values a project has, for whoever writes a question."""
