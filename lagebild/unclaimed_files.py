"""Telling whoever runs the house of files in inboxes that no contract claims."""

from ingest import unclaimed
from lagebild import alerts
from lagebild.alerts import Message, Notifier
from lagebild.settings import Settings


def tell(settings: Settings, channels: list[Notifier] | None = None) -> str | None:
    """What is to be said today, for a log; told to the channels on the day a file has lain there for a month, and each
    month after. NotSent where a channel failed.

    No name is in it: it may be a person's.
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
