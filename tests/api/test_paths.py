"""How an image is named in a path."""

import pytest

from gateway.paths import named, routed

ID = "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ("/v1/pods", "/v1/pods"),
        ("/v1/pods/pod%2D1", "/v1/pods/pod-1"),
        ("/v1/pods%2Fpod-1", "/v1/pods%2Fpod-1"),
        ("/v1/images", "/v1/images"),
        ("/v1/images/", "/v1/images/"),
        (f"/v1/images/{ID}", f"/v1/images/{ID}"),
        (f"/v1/images/{ID}/versions/1.0", f"/v1/images/{ID}/versions/1.0"),
        ("/v1/images/default/debian", "/v1/images/default%2Fdebian"),
        ("/v1/images/default%2fdebian", "/v1/images/default%2Fdebian"),
        ("/v1/images/default%2Fdebian/versions/latest/copies", "/v1/images/default%2Fdebian/versions/latest/copies"),
        ("/v1/images/default/debian/versions", "/v1/images/default%2Fdebian/versions"),
        ("/v1/images/default/debian/versions/1.0.0/publish", "/v1/images/default%2Fdebian/versions/1.0.0/publish"),
        ("/v1/images/debian/versions", "/v1/images/debian/versions"),
        ("/v1/images/default%2Fversions/versions", "/v1/images/default%2Fversions/versions"),
        ("/v1/images/a%00/b%0A", "/v1/images/a\x00%2Fb\n"),
        ("/v1/images/../../x", "/v1/images/..%2F../x"),
        ("/v1/images//debian", "/v1/images/%2Fdebian"),
        ("/v1/images/a%252Fb", "/v1/images/a%2Fb"),
    ],
)
def test_a_gallery_and_a_name_become_one_segment(raw: str, path: str) -> None:
    assert routed(raw) == path


@pytest.mark.parametrize(
    ("segment", "image"),
    [
        (ID, ID),
        ("default%2Fdebian", "default/debian"),
        ("default/debian-12.5_x", "default/debian-12.5_x"),
        (f"{ID}%2Fdebian", f"{ID}/debian"),
        ("debian", None),
        ("", None),
        (ID.upper(), None),
        (f"{ID}\n", None),
        ("default%2Fdebian\n", None),
        ("default%2F..", None),
        ("..%2Fdebian", None),
        ("a%2Fb%2Fc", None),
        ("a\x00%2Fb", None),
        ("%2Fdebian", None),
        ("default%2F" + "x" * 81, None),
    ],
)
def test_only_an_id_or_a_gallery_and_a_name_name_an_image(segment: str, image: str | None) -> None:
    assert named(segment) == image
