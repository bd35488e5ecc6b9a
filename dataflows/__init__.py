"""The built-in dataflow: from the event log into the stores, as pure steps under thin Bytewax wiring."""
