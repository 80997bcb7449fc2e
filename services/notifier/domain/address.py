"""Where events may be posted to: addresses as text, and the networks behind them (reliability F18).

Text is read strictly, so that nothing is understood in one way here and in another by whoever connects.
"""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

import msgspec

Network: TypeAlias = IPv4Network | IPv6Network

_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,253})(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>/[!-~]*)?",
    re.IGNORECASE | re.ASCII,
)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
"""A last label that makes the whole host an IPv4 address for many libraries: ``2130706433``, ``127.1``, ``0x7f.1``."""

_INWARD = tuple(
    map(
        ip_network,
        (
            "168.63.129.16/32",  # a cloud's service to its own machines, on an address that looks like anyone's
            "192.0.0.0/24",  # the same elsewhere; not all versions of Python know the whole network
            *("2002::/16", "2001::/32", "64:ff9b::/96", "64:ff9b:1::/48"),  # an IPv4 address on the way: 6to4 to NAT64
        ),
    )
)
"""What `ipaddress` takes for ordinary and is not."""


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """An address that events can be posted to. ``literal`` when ``host`` is an IP address and no name."""

    scheme: str
    host: str
    port: int
    path: str
    literal: bool

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == {"http": 80, "https": 443}[self.scheme] else f"{host}:{self.port}"


class UnusableError(Exception):
    """Events cannot be posted there; the text says why."""


def parse(url: str) -> Address:
    """The address that ``url`` names.

    Raises:
        UnusableError: it is no address of http or https, names a user, or writes its host in a way that can be
            understood differently.
    """
    found = _URL.fullmatch(url)
    if found is None:
        raise UnusableError("it is not http://host/path or https://host/path, without user, fragment or spaces")
    scheme, host = found["scheme"].lower(), found["host"].lower().strip("[]")
    port = int(found["port"] or {"http": 80, "https": 443}[scheme])
    path = found["path"] or "/"
    if not 0 < port < 65536 or "#" in path:
        raise UnusableError("the port is not one, or there is a fragment")
    try:
        host, literal = str(ip_address(host)), True
    except ValueError:
        literal = False
        labels = host.removesuffix(".").split(".")
        if ":" in host or _NUMBER.fullmatch(labels[-1]) or not all(map(_LABEL.fullmatch, labels)):
            raise UnusableError("the host is neither a name nor an IP address in its usual form") from None
    return Address(scheme=scheme, host=host, port=port, path=path, literal=literal)


def networks(text: str) -> tuple[Network, ...]:
    """The networks in a list of CIDRs with commas between them. Raises ValueError where one is none."""
    return tuple(ip_network(one.strip()) for one in text.split(",") if one.strip())


def refusal(address: str, allowed: Sequence[Network] = ()) -> str:
    """Why nothing is posted to the IP address ``address``, empty when it may be. What is in an ``allowed`` network may.

    Everything that is not an ordinary address of the internet is refused: ourselves, private networks, link-local (the
    metadata service of clouds), multicast, and the same in the clothes of IPv6.
    """
    found: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    if any(found in network for network in allowed if network.version == found.version):
        return ""
    inward = not found.is_global or found.is_multicast or found.is_reserved or found.is_unspecified
    if isinstance(found, IPv6Address) and found.is_site_local:
        inward = True
    if inward or any(found in network for network in _INWARD if network.version == found.version):
        return f"{found} is not an address of the public internet"
    return ""
