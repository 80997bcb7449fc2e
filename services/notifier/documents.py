"""The kinds of document that the notifier keeps."""

from notifier.domain.delivery import Delivery
from notifier.domain.hook import Hook, Hooks, Secret, Version
from notifier.domain.tally import Tally
from runtime.work import Kind

VERSION: Kind[Version] = Kind("version", Version)
HOOKS: Kind[Hooks] = Kind("hooks", Hooks)
"""By tenant."""
HOOK: Kind[Hook] = Kind("hook", Hook)
SECRET: Kind[Secret] = Kind("secret", Secret)
"""By webhook."""
TALLY: Kind[Tally] = Kind("tally", Tally)
"""By webhook."""
DELIVERY: Kind[Delivery] = Kind("delivery", Delivery)
