"""Figures, ages and times as pages show them."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django import template
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from fleet.pages.core.numbers import NO_DATA, SPACE, plain, three_digits

register = template.Library()

GIB = 1 << 30
KIB = 1 << 10


@register.filter
def number(value: float | None, digits: int = 0) -> str:
    """Return a number with thousands separated."""
    return NO_DATA if value is None else plain(value, digits)


@register.filter
def compact(value: float | None) -> str:
    """Return a number with about three digits."""
    return NO_DATA if value is None else three_digits(value)


@register.filter
def unit(value: float | None, name: str) -> SafeString | str:
    """Return figure and unit with a no-break space, the unit lighter."""
    if value is None:
        return NO_DATA
    return format_html('{}{}<span class="u">{}</span>', three_digits(value), SPACE, name)


@register.filter
def milliseconds(value_us: int | None) -> SafeString | str:
    """Return microseconds as milliseconds."""
    return unit(None if value_us is None else value_us / 1000, "ms")


@register.filter
def percent(share: float | None) -> SafeString | str:
    """Return a share between 0 and 1 as whole per cent."""
    return NO_DATA if share is None else format_html('{}{}<span class="u">%</span>', plain(share * 100), SPACE)


@register.filter
def size(value_bytes: int | None) -> SafeString | str:
    """Return bytes in the unit that fits."""
    if not isinstance(value_bytes, int):  # a template hands over an empty text where a device reported nothing
        return NO_DATA
    for step, name in ((GIB << 10, "TiB"), (GIB, "GiB"), (KIB << 10, "MiB")):
        if value_bytes >= step:
            return unit(value_bytes / step, name)
    if value_bytes < KIB:
        return format_html('{}{}<span class="u">B</span>', plain(value_bytes), SPACE)
    return unit(value_bytes / KIB, "KiB")


@register.filter
def age(moment: datetime | None) -> str:
    """Return how long ago a moment was."""
    return NO_DATA if moment is None else span(timezone.now() - moment)


@register.filter
def live_age(moment: datetime, pattern: str = "{age}") -> SafeString:
    """Return how long ago a moment was, in an element that scripts keep true, inside `pattern`."""
    element = format_html('<span data-age="{}">{}</span>', seconds_since(moment), age(moment))
    return format_html(pattern, age=element)


@register.filter
def span(duration: timedelta) -> str:
    """Return a duration in its one or two largest units."""
    seconds = max(0.0, duration.total_seconds())
    if seconds < 10:
        return _("%(s)s s") % {"s": f"{seconds:.1f}"}
    if seconds < 60:
        return _("%(s)d s") % {"s": seconds}
    minutes = int(seconds // 60)
    if minutes < 60:
        return _("%(m)d min") % {"m": minutes}
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return _("%(h)d h %(m)d min") % {"h": hours, "m": minutes}
    days, hours = divmod(hours, 24)
    return _("%(d)d d %(h)d h") % {"d": days, "h": hours}


@register.filter
def moment(value: datetime | None) -> SafeString | str:
    """Return a time in the reader's zone with seconds, and the date unless it is today."""
    if value is None:
        return NO_DATA
    local = timezone.localtime(value)
    today = local.date() == timezone.localdate()
    text = local.strftime("%H:%M:%S") if today else f"{date_format(local, 'SHORT_DATE_FORMAT')} {local:%H:%M}"
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), text)


@register.filter
def short_hash(value: str) -> str:
    """Return the beginning and end of a hash, without its algorithm.

    >>> short_hash("sha256:" + "7be0" + "0" * 56 + "91c4")
    '7be0…91c4'
    """
    digits = value.rpartition(":")[2]
    return f"{digits[:4]}…{digits[-4:]}"


@register.simple_tag(takes_context=True)
def query(context: dict[str, Any], **changes: Any) -> str:
    """Return this page's query string with some parameters changed; None takes one out, and the page starts anew."""
    request: HttpRequest = context["request"]
    params = request.GET.copy()
    params.pop("page", None)
    for name, value in changes.items():
        params.pop(name, None)
        if value not in (None, ""):
            params.setlist(name, value if isinstance(value, list) else [str(value)])
    return f"?{urlencode(list(params.lists()), doseq=True)}" if params else "?"


@register.filter
def entry(mapping: dict[str, int], key: str) -> int:
    """Return a count, zero where there is none."""
    return mapping.get(key, 0)


@register.filter
def seconds_since(value: datetime) -> str:
    """Return how many seconds ago a moment was, for scripts that keep ages true."""
    return f"{max(0.0, (timezone.now() - value).total_seconds()):.1f}"


@register.filter
def subtract(value: int, other: int) -> int:
    """Return a difference."""
    return value - other


@register.filter
def fingerprint_start(value: str) -> str:
    """Return the first sixteen digits of a fingerprint in groups, as people compare them.

    >>> fingerprint_start("sha256:" + "0123456789abcdef" * 4)
    '0123 4567 89ab cdef …'
    """
    digits = value.rpartition(":")[2]
    return " ".join(digits[at : at + 4] for at in range(0, 16, 4)) + " …"
