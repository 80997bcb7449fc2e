"""Everything that sharing reacts to, as one table."""

from runtime.work import Reaction
from sharing import answers, galleries, grants, images, offers, retelling
from sharing.images import Encrypted
from sharing.retelling import Retold
from sharing.said import OfferEnds
from sharing.settings import SharingSettings

LOCAL = OfferEnds | Retold | Encrypted
"""What sharing says to itself."""


def reactions(settings: SharingSettings) -> dict[type, Reaction]:
    """Type of message -> reaction."""
    return {
        **images.reactions(),
        **offers.reactions(settings),
        **answers.reactions(settings),
        **retelling.reactions(),
        **galleries.reactions(settings),
        **grants.reactions(settings),
    }
