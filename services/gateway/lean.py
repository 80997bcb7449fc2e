"""Litestar without the plugins that it loads by itself: a quarter of a second and 10 MiB for what is not used here."""

from litestar import Litestar
from litestar.plugins import PluginProtocol
from litestar.plugins.core import MsgspecDIPlugin


class Application(Litestar):
    """A Litestar application of msgspec Structs only.

    pydantic is installed (FastStream needs it), so Litestar would import it and offer its types everywhere. Should a
    later version ask in another way which plugins to load, they are loaded again and nothing else changes.
    """

    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        return [*plugins, MsgspecDIPlugin()]
