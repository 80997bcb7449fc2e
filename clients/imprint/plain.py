"""Text of others on a terminal: a pod names its VMs and explains its failures as it likes."""


def plain(text: str) -> str:
    """``text`` without what a terminal would obey: escapes and other control characters are shown, not done. Line feeds
    and tabs stay."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one in "\n\t" else ascii(one)[1:-1] for one in text)
