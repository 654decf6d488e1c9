"""Network addresses as a request names them."""

from ipaddress import IPv6Address, ip_address, ip_network

IPV6_SUBSCRIBER_BITS = 64  # one connection is given at least this network, so its addresses cost nothing


def parse(text: str) -> str | None:
    """Return an address in its one spelling, or None where the text is none.

    >>> parse("192.0.2.9"), parse("2001:DB8:0::1"), parse("unknown"), parse("")
    ('192.0.2.9', '2001:db8::1', None, None)
    """
    try:
        return str(ip_address(text))
    except ValueError:
        return None


def neighbourhood(text: str) -> str:
    """Return what one subscriber holds: an IPv4 address, or the network of an IPv6 one; for counting attempts.

    >>> neighbourhood("192.0.2.9"), neighbourhood("2001:db8::1"), neighbourhood("::ffff:192.0.2.9"), neighbourhood("")
    ('192.0.2.9', '2001:db8::/64', '192.0.2.9', 'unknown')
    """
    try:
        address = ip_address(text)
    except ValueError:
        return "unknown"
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ip_network((address.packed, IPV6_SUBSCRIBER_BITS), strict=False))
    return str(address)
