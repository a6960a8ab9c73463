"""TODO-DOC"""

from __future__ import annotations

from datetime import timedelta

WATCHED_FOR = timedelta(hours=72)


FIRST_VERIFICATIONS = (timedelta(minutes=2), timedelta(minutes=5), timedelta(minutes=15))


VERIFY_WHILE_HELD = timedelta(minutes=30)


VERIFY_PAUSE_MAX = timedelta(hours=6)


WEBHOOK_RECHECK = timedelta(seconds=30)


REFUND_SILENCE = timedelta(hours=24)
"""A refund of which the gateway says nothing for this long is put before a person."""


REFUND_POLL_EARLY = timedelta(hours=1)


REFUND_POLL_LATE = timedelta(hours=6)


FREE_AFTER_LATE_CONFIRMATION = timedelta(hours=24)
"""A booking that late money confirmed may be cancelled with all back for this long: the guest had moved on."""


OPENING_LEASE = timedelta(seconds=25)
"""How long whoever opens a payment may take before another takes over."""


OUTAGE_GRACE = timedelta(hours=12)
"""How long nights stay held past the hold while the gateway cannot be asked."""


GIVE_UP_AFTER = timedelta(hours=24)
"""A booking that has kept failing for this long is shown to a person."""


OUTBOX_LEASE = timedelta(minutes=2)
"""How long the queue, and then a worker, has before an owed e-mail is due again."""


OUTBOX_RETRY_MAX = timedelta(hours=1)


LAST_MINUTES = timedelta(minutes=2)
"""No new payment is opened this close to the end of the hold: it could not be finished."""


UNKNOWN_FOR_GOOD = timedelta(hours=1)
"""How long after the hold a reference that the gateway does not know is taken for never opened."""
