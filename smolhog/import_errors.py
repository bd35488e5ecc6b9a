"""What stops an import as a whole; a bad row never does.

::

    ImportStoppedError
    ├── UnreadableFileError     the file is missing, damaged, or of no known format
    ├── ColumnsError            the columns do not say which event, who or when
    └── GatewayAwayError        no gateway answers there (may be tried again)
"""


class ImportStoppedError(Exception):
    """An import could not start or go on; the message is for the person who started it."""


class UnreadableFileError(ImportStoppedError):
    """The file is missing, damaged, or of no known format."""


class ColumnsError(ImportStoppedError):
    """The columns do not say which event, who or when."""


class GatewayAwayError(ImportStoppedError):
    """No gateway answers there."""
