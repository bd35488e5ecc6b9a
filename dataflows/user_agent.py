"""What a ``User-Agent`` header says: browser, system, kind of device, and whether it is a bot."""

from functools import lru_cache

import ua_parser

# ua-parser calls crawlers "Spider"; these are the words of programs that it takes for browsers.
_BOT_WORDS = ("bot", "crawl", "spider", "headless", "lighthouse", "monitor", "preview", "scrape")
_MOBILE_SYSTEMS = frozenset({"iOS", "Android", "Windows Phone", "KaiOS", "BlackBerry OS"})


@lru_cache(maxsize=4096)
def parse_user_agent(user_agent: str) -> tuple[tuple[str, str], ...]:
    """Return the context that a user agent gives, as pairs of name and value.

    Names: ``$browser``, ``$browser_version`` (major), ``$os``, ``$os_version`` (major),
    ``$device_type`` (``desktop``, ``mobile``, ``tablet``), ``$is_bot`` (``true``, only for bots).
    Programs that are no browsers (an SDK's own user agent) give nothing but ``$browser``.
    """
    parsed = ua_parser.parse(user_agent)
    browser, system, device = parsed.user_agent, parsed.os, parsed.device
    context: list[tuple[str, str]] = []
    if browser is not None:
        context.append(("$browser", browser.family))
        if browser.major is not None:
            context.append(("$browser_version", browser.major))
    if system is not None:
        context.append(("$os", system.family))
        if system.major is not None:
            context.append(("$os_version", system.major))
    # Cubot makes phones.
    lowered = user_agent.lower().replace("cubot", "")
    if (device is not None and device.family == "Spider") or any(word in lowered for word in _BOT_WORDS):
        context.append(("$is_bot", "true"))
    elif system is not None:
        context.append(("$device_type", _device_type(lowered, system.family)))
    return tuple(context)


def _device_type(lowered: str, system: str) -> str:
    if "ipad" in lowered or "tablet" in lowered:
        return "tablet"
    if system == "Android":
        # By Google's rule a phone says "Mobile" and a tablet does not.
        return "mobile" if "mobile" in lowered else "tablet"
    return "mobile" if system in _MOBILE_SYSTEMS else "desktop"
