"""The command line, settings, telemetry, and the services that come embedded."""
