"""Where events may be posted to: what text is an address, and which networks are out of reach (reliability F18)."""

import pytest

from notifier.domain.address import UnusableError, networks, parse, refusal


@pytest.mark.parametrize(
    ("url", "scheme", "host", "port", "path", "authority"),
    [
        ("https://example.com", "https", "example.com", 443, "/", "example.com"),
        ("HTTPS://Example.COM/Hook?a=1&b=%20", "https", "example.com", 443, "/Hook?a=1&b=%20", "example.com"),
        ("http://example.com:8080/x", "http", "example.com", 8080, "/x", "example.com:8080"),
        ("http://93.184.216.34/", "http", "93.184.216.34", 80, "/", "93.184.216.34"),
        ("http://[2606:4700::1111]:81/", "http", "2606:4700::1111", 81, "/", "[2606:4700::1111]:81"),
        ("https://a_b.example-1.net./p", "https", "a_b.example-1.net.", 443, "/p", "a_b.example-1.net."),
    ],
)
def test_an_address_is_read_in_one_way_only(
    url: str, scheme: str, host: str, port: int, path: str, authority: str
) -> None:
    found = parse(url)
    assert (found.scheme, found.host, found.port, found.path, found.authority) == (scheme, host, port, path, authority)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "gopher://example.com/",
        "ftp://example.com/",
        "javascript:alert(1)",
        "//example.com/",
        "example.com/hook",
        "http://",
        "http:///path",
        "http://user@example.com/",
        "http://user:secret@example.com/",
        "http://example.com@127.0.0.1/",
        "http://example.com\\@127.0.0.1/",
        "http://example.com#@127.0.0.1/",
        "http://example.com/a#b",
        "http://example.com/a b",
        "http://example.com/\r\nhost: other",
        "http://example.com/\n",
        "http://example.com:0/",
        "http://example.com:65536/",
        "http://example.com:port/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.1/",
        "http://017700000001/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://127.0.0.1./",
        "http://1.2.3.4.5/",
        "http://256.1.1.1/",
        "http://[::1/",
        "http://[fe80::1%25eth0]/",
        "http://[v1.a]/",
        "http://-a.example/",
        "http://a..example/",
        "http://exämple.com/",
        "http://127。0。0。1/",
        "http://①②⑦.⓪.⓪.①/",
    ],
)
def test_what_could_be_read_differently_by_others_is_no_address(url: str) -> None:
    with pytest.raises(UnusableError):
        parse(url)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.9.10",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "100.100.100.200",
        "192.0.0.192",
        "198.18.0.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "168.63.129.16",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "2002:7f00:1::1",
        "2001:0:7f00:1::",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "2001:db8::1",
    ],
)
def test_addresses_that_are_not_of_the_public_internet_are_refused(address: str) -> None:
    assert refusal(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "1.1.1.1", "2606:4700::1111", "::ffff:93.184.216.34"])
def test_ordinary_addresses_are_not(address: str) -> None:
    assert refusal(address) == ""


@pytest.mark.parametrize(
    ("address", "allowed", "reached"),
    [
        ("10.1.2.3", "10.1.0.0/16", True),
        ("10.2.2.3", "10.1.0.0/16", False),
        ("::ffff:10.1.2.3", "10.1.0.0/16", True),
        ("fd00::5", "192.168.0.0/16, fd00::/64", True),
        ("127.0.0.1", "::/0", False),
        ("169.254.169.254", "10.0.0.0/8", False),
    ],
)
def test_the_operator_may_allow_networks(address: str, allowed: str, reached: bool) -> None:
    assert (refusal(address, networks(allowed)) == "") is reached
