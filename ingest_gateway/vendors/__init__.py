"""The protocols of other vendors' SDKs, each a pure translation from a request to our events.

:mod:`~ingest_gateway.vendors.forms` undoes the wrappings of a body, :mod:`~ingest_gateway.vendors.reading`
tells its events apart, one module for each vendor says what they mean (``open_…`` returns an
:class:`~ingest_gateway.vendors.opened.Opened`), and :mod:`~ingest_gateway.vendors.judging` judges them as
native events are judged. Nothing here does I/O or knows a framework; the clock is an argument.
"""
