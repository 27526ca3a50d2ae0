"""Notify the operator of files in inboxes that match no contract."""

from ingest.inbox import unclaimed
from lagebild.core import alerts
from lagebild.core.alerts import Message, Notifier
from lagebild.core.settings import Settings


def tell(settings: Settings, channels: list[Notifier] | None = None) -> str | None:
    """Today's message, for a log. Channels are notified when a file has been there for a month, and monthly after that.

    NotSent if a channel failed. The message has no file names: they may contain a person's name.
    """
    found = unclaimed.every(settings)
    said = unclaimed.warning(found)
    is_day = any(one.days and one.days % unclaimed.WARNED_AFTER_DAYS == 0 for one in found)
    if said and is_day:
        facts = [{"inbox": one.inbox, "days": one.days} for one in found if one.days >= unclaimed.WARNED_AFTER_DAYS]
        message = Message("Lagebild: files that no contract claims", said, facts)
        channels = alerts.notifiers(settings) if channels is None else channels
        alerts.to_each(channels, lambda channel: channel.send(message))
    return said
