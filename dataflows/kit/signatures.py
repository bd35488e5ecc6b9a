"""Signs the calls of webhooks, and checks the signature for who receives them. Pure."""

import hashlib
import hmac

HEADER = "SmolHog-Signature"


def sign(secret: str, body: bytes, now: int) -> str:
    """Return the header's value: a time, and an HMAC-SHA256 of time and body.

    Args:
        secret: shared with the receiver.
        body: as it is sent.
        now: in seconds since 1970.
    """
    digest = hmac.new(secret.encode(), b"%d.%b" % (now, body), hashlib.sha256).hexdigest()
    return f"t={now},v1={digest}"


def is_signed(secret: str, body: bytes, header: str, now: int, *, tolerance: int = 300) -> bool:
    """Tell whether a call is from who knows the secret, and not an old one sent again.

    Args:
        secret: shared with the sender.
        body: as it came.
        header: the header's value.
        now: in seconds since 1970.
        tolerance: seconds that the sender's time may be off.
    """
    try:
        fields = dict(field.split("=", 1) for field in header.split(","))
        sent = int(fields["t"])
    except (ValueError, KeyError):
        return False
    expected = sign(secret, body, sent)
    return abs(now - sent) <= tolerance and hmac.compare_digest(expected, header)
