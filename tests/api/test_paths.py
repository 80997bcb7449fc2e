"""How an image is named in a path."""

import pytest

from gateway.paths import named, path_of, routed, takes_patch

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
        ("/v1/images/debian/markers/prod", "/v1/images/debian/markers/prod"),
        ("/v1/images/default/debian/markers/prod", "/v1/images/default%2Fdebian/markers/prod"),
        ("/v1/images/default/debian/disable", "/v1/images/default%2Fdebian/disable"),
        ("/v1/images/default/enabled", "/v1/images/default%2Fenabled"),
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


@pytest.mark.parametrize(
    ("method", "path", "taken"),
    [
        ("PATCH", "/v1/galleries/lab", True),
        ("PATCH", f"/v1/images/{ID}", True),
        ("PATCH", "/v1/images/lab%2Fa", True),
        ("PATCH", "/v1/images/lab%2Fa/versions/1.0.0", True),
        ("PATCH", "/v1/assignments/desks", True),
        ("POST", "/v1/assignments/desks", False),
        ("PATCH", "/v1/assignments/desks/disks", False),
        ("PATCH", "/v1/assignments", False),
        ("PATCH", "/v1/images/lab%2Fa/versions/1.0.0/placement", False),
        ("PATCH", "/v1/galleries/lab/versions/1.0.0", False),
        ("PATCH", "/v1/webhooks/1", False),
        ("PATCH", "/v1/uploads/x.y", False),
    ],
)
def test_only_what_is_edited_by_a_merge_patch_takes_one(method: str, path: str, taken: bool) -> None:
    assert takes_patch(method, path) is taken


def test_the_path_of_a_thing_leads_to_it() -> None:
    assert path_of("lab/a") == "/v1/images/lab%2Fa"
    assert path_of(ID, "1.0.0") == f"/v1/images/{ID}/versions/1.0.0"
    assert named(routed(path_of("lab/a")).rpartition("/")[2]) == "lab/a"
