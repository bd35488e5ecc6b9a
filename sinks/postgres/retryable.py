"""Which of PostgreSQL's errors pass: the server restarts, fails over, or is out of something that comes back."""

import psycopg
from psycopg import errors

RETRYABLE = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    errors.InsufficientResources,
    errors.OperatorIntervention,
    errors.TransactionRollback,
    errors.ReadOnlySqlTransaction,
)
