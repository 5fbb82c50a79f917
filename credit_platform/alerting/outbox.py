"""Sees to it that messages arrive: each channel is tried until it takes a message, ever more seldom, for some days.

A message is in the outbox before anything is sent, so that a process that dies forgets none; then a channel may get
one twice, under the same id. Not here: what is sent (`messages.py`), and how (`channels.py`).
"""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

from credit_platform.alerting.channels import Channel, ChannelError
from credit_platform.alerting.store import AlertStore, Delivery

logger = logging.getLogger(__name__)

_LEASE = timedelta(minutes=5)
_FIRST_WAIT = timedelta(minutes=1)
_LONGEST_WAIT = timedelta(hours=6)


def deliver(store: AlertStore, channels: Mapping[str, Channel], at: datetime, give_up: timedelta) -> int:
    """Tries what is due. Returns how many messages were taken."""
    with store.transaction() as write:
        due = write.due(at, _LEASE)
    return sum(_try(store, channels, delivery, at, give_up) for delivery in due)


def _try(
    store: AlertStore, channels: Mapping[str, Channel], delivery: Delivery, at: datetime, give_up: timedelta
) -> bool:
    channel = channels.get(delivery.channel)
    try:
        if channel is None:
            raise ChannelError("the settings name no such channel any more")
        channel.send(delivery.message)
    except ChannelError as error:
        wait = max(min(_FIRST_WAIT * 2**delivery.attempts, _LONGEST_WAIT), timedelta(seconds=error.wait_seconds))
        again = at + wait if at + wait < delivery.message.at + give_up else None
        with store.transaction() as write:
            write.failed(delivery, str(error), again)
        tried = f"again at {again:%Y-%m-%d %H:%M} UTC" if again else "not tried again"
        logger.warning("alert %s by %s: %s; %s", delivery.message.id, delivery.channel, error, tried)
        return False
    with store.transaction() as write:
        write.delivered(delivery, at)
    return True
