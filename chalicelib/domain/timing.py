"""Every duration of the deployed system, each with its reason; ``tests/domain/test_timing.py`` holds them together.

All are ``timedelta``; code that needs seconds calls ``.total_seconds()``. Time-outs that only a configuration file can
hold (a function's, a queue's) stand in that file and here, and the test compares them.
"""

from __future__ import annotations

from datetime import timedelta

# Holds and checkout links

HOLD = timedelta(minutes=30)
"""How long nights are held unpaid, unless ``HOLD_MINUTES`` says otherwise: time to find the bank's code, not a day."""

HOLD_MIN = timedelta(minutes=5)
"""The shortest hold that a stage may set: a guest must be able to pay within it."""

HOLD_MAX = timedelta(hours=24)
"""The longest hold that a stage may set: unpaid nights are nobody else's."""

CHECKOUT_WINDOW = timedelta(minutes=60)
"""How long a checkout link is usable, unless ``CHECKOUT_WINDOW_MINUTES`` says otherwise: Chapa closes it after that."""

CHECKOUT_WINDOW_MIN = timedelta(minutes=5)
"""The shortest checkout window that a stage may set."""

CHECKOUT_WINDOW_MAX = timedelta(minutes=60)
"""The longest checkout window that a stage may set: a link that the gateway closed must not be shown."""

BOOKING_HOUR = timedelta(hours=1)
"""The shorter span in which the new bookings of an account are counted."""

BOOKING_DAY = timedelta(hours=24)
"""The longer one; and how long an unpaid booking that was given up or ran out counts against its account."""

PAUSES = (timedelta(minutes=15), timedelta(hours=1), timedelta(hours=6), timedelta(hours=24))
"""How long an account may not book after the third such booking within a day, and after each further one."""

ACCOUNT_KEPT = timedelta(days=400)
"""How long an account is remembered after its latest booking, unless an operator decided something of it."""

LETTERS_COUNTED = timedelta(days=2)
"""How long the letters to an address on one day are counted: a day is over everywhere by then."""

LAST_MINUTES = timedelta(minutes=2)
"""No payment is opened this close to the end of the hold: it could not be finished."""

OPENING_LEASE = timedelta(seconds=25)
"""How long the owner of a payment's opening may take before another caller takes over."""

WAIT_FOR_OPENING = timedelta(seconds=15)
"""How long a caller waits for the outcome of another caller's opening before it answers 409 ``in_progress``."""

LAST_WAIT = timedelta(seconds=20)
"""How long after its beginning a call waits no more: it may have waited, or asked the gateway, before."""

PUBLIC_LAST_WAIT = timedelta(seconds=3)
"""The same for a call without a token: the guest's page looks again by itself."""

OPENING_POLLS = tuple(timedelta(milliseconds=pause) for pause in (50, 100, 200, 300, 500))
"""The pauses between two reads of a booking that another caller is opening; the last one is repeated."""

OUTAGE_GRACE = timedelta(hours=12)
"""How long nights stay held past the hold while the gateway does not answer: the guest may have paid."""

FREE_AFTER_LATE_CONFIRMATION = timedelta(hours=24)
"""How long a booking that late money confirmed may be cancelled with all back: the guest had moved on."""

# Cancellation policies: the notice before check-in

FLEXIBLE_NOTICE = timedelta(hours=24)
"""``flexible``: all comes back with at least this notice."""

MODERATE_FULL_NOTICE = timedelta(days=5)
"""``moderate``: all comes back with at least this notice."""

MODERATE_HALF_NOTICE = timedelta(hours=24)
"""``moderate``: half comes back with at least this notice."""

STRICT_HALF_NOTICE = timedelta(days=7)
"""``strict``: half comes back with at least this notice."""

# Verifying payments

FIRST_VERIFICATIONS = (timedelta(minutes=2), timedelta(minutes=5), timedelta(minutes=15))
"""When a payment is verified after it was made: most guests pay within minutes, and a webhook may be lost."""

VERIFY_WHILE_HELD = timedelta(minutes=30)
"""The longest pause between two verifications while the hold lasts."""

VERIFY_PAUSE_MAX = timedelta(hours=6)
"""The longest pause between two verifications after the hold."""

WATCHED_FOR = timedelta(hours=72)
"""How long after a payment was made it is verified at all: no link is paid on later, and webhooks end after it too."""

WEBHOOK_RECHECK = timedelta(seconds=30)
"""When a payment is verified again after a signed webhook that the gateway's own answer did not bear out yet."""

UNDER_WAY_RETRY_FIRST = timedelta(seconds=3)
"""The pause before a signed webhook's payment is verified that met another caller who was asking about it."""

UNDER_WAY_RETRY = timedelta(seconds=5)
"""The same once that caller was met again: a gateway that is slow, or a caller that died."""

UNKNOWN_FOR_GOOD = timedelta(hours=1)
"""How long after the hold a reference that the gateway does not know is taken for never opened."""

BACK_OFF_FIRST = timedelta(seconds=15)
"""The pause after a gateway's first silence; each further one doubles it."""

BACK_OFF_MAX = timedelta(minutes=30)
"""The longest pause after a gateway's silence: an outage that ends is noticed within it."""

NUDGE_MIN = timedelta(seconds=5)
"""How old a payment's last verification must be before a callback or a guest's page brings another."""

VERIFY_CALL_MIN = timedelta(seconds=2)
"""How old a payment's last verification must be before ``POST …/verify`` brings another."""

# Refunds

REFUND_START_PATIENCE = timedelta(hours=24)
"""How long a refund that cannot be started is tried; then a person is asked, and nothing posts it by itself."""

REFUND_ACTION_PATIENCE = timedelta(hours=24)
"""How long a refund may wait for an action at the gateway, as for a bank account, before a person is asked."""

REFUND_MOVING_PATIENCE = timedelta(days=30)
"""How long a gateway may call a refund under way before a person is asked: twice the slowest gateway's promise,
weekends included, and soon enough that the guest's bank can still trace it."""

REFUND_POLL_EARLY = timedelta(hours=1)
"""The pause between two look-ups of a refund in its first hours, when most are done."""

REFUND_POLL_LATE = timedelta(hours=6)
"""The pause between two look-ups after that, and for how long a refund counts as early."""

REFUND_POLL_MIN = timedelta(minutes=1)
"""The shortest pause between two look-ups, whatever is about to end."""

REFUND_SEARCH_BEFORE = timedelta(days=1)
"""How long before our own time a gateway's list of refunds is read from: its days may be another time zone's."""

# Disputes

DISPUTE_POLL = timedelta(hours=6)
"""The pause between two look-ups of a dispute that is not decided, where the gateway can be asked about it."""

# The outbox

OUTBOX_MESSAGE = timedelta(minutes=8)
"""How long a message has to carry an entry before the clock enqueues it anew: longer than the queue hides one, so
that what a dead worker left comes again as a second delivery, and whoever gets it knows that it may have been sent."""

OUTBOX_LEASE = timedelta(minutes=2)
"""How long a worker that claimed an entry has before it is due again."""

OUTBOX_RETRY_FIRST = timedelta(minutes=1)
"""The pause after a mail service's first failure; each further one doubles it."""

OUTBOX_RETRY_MAX = timedelta(hours=1)
"""The longest pause after a mail service's failures."""

DUE_EARLY = OUTBOX_MESSAGE
"""How much too early a confirmed booking may stand in the index of what is due: while its letters are on their way."""

LEDGER_OPEN = timedelta(hours=24)
"""How long after a day ended its ledger lines are added up anew: nearly all have been written by then."""

LEDGER_LATE_MARGIN = timedelta(hours=1)
"""How long before that a line counts as late: whoever thinks that it is in time has written it when the day is kept."""

ACCESS_KEPT = timedelta(days=396)
"""How long it is kept who looked at whose contact data: thirteen months, a year's audit and the month that it takes."""

RESTORE_LOOKS_BACK = timedelta(days=31)
"""How long before a lost window a booking may have been made whose money may have moved in it: most refunds are asked
for within a month."""

PAID_OUT_WITHIN = timedelta(days=7)
"""Within how long a payment is in a payout of the gateway's: the next working day, and a long weekend of holidays."""

RESTORE_MARGIN = timedelta(hours=1)
"""How long before a lost window an erasure may have been asked for whose batches went on in it."""

ADDING_UP = timedelta(seconds=15)
"""How long one call adds up days of the ledger that nobody has added up before."""

# The clock

SWEEP_EVERY = timedelta(minutes=1)
"""How often ``sweep`` enqueues what is due: EventBridge's shortest period."""

FAILING_PAUSE = timedelta(minutes=10)
"""When a booking that raised is tried again, so that it does not hold up the others."""

GIVE_UP_AFTER = timedelta(hours=24)
"""How long a booking has kept failing when it is put before a person; it is tried on."""

CLOSING_RETRY = timedelta(minutes=2)
"""When the clock carries on the closing of a listing whose message was lost: later than a batch takes."""

ERASURE_RETRY = timedelta(minutes=2)
"""The same for erasing a person, and for the contacts that expire."""

EXPIRY_EVERY = timedelta(hours=24)
"""How often contacts expire: they are kept for months, and a day is soon enough."""

HOLD_IN_FLIGHT = timedelta(seconds=30)
"""How long after a listing was closed a hold may still land that read it as open: longer than a request lasts."""

# Calls to the outside

GATEWAY_CALL = timedelta(seconds=12)
"""The longest call to a payment gateway, from resolving its name to its last byte: slow ones do answer after 10 s."""

GATEWAY_CONNECT = timedelta(seconds=3)
"""The part of it that resolving, connecting and TLS may take."""

GATEWAY_CALL_MIN = timedelta(seconds=1)
"""A call is not begun with less time left than this: it could only fail, and its fate would be open."""

GATEWAY_RETRY_MIN = timedelta(milliseconds=100)
"""A GET whose connection broke is not sent again with less time left than this, nor sooner."""

GATEWAY_RETRY_SPREAD = timedelta(milliseconds=400)
"""By up to this much more a second GET waits, so that callers do not come all at once."""

GATEWAY_IDLE = timedelta(seconds=20)
"""A connection that rested longer may be dead unnoticed (Lambda was frozen): no POST is risked on it."""

API_GATEWAY_BUDGET = timedelta(seconds=20)
"""How long one HTTP request may spend on gateway calls in all."""

PUBLIC_ANSWER = timedelta(seconds=5)
"""The longest that a webhook, a guest's page or any other call without a token waits because a gateway is silent."""

WEBHOOK_GATEWAY_BUDGET = timedelta(seconds=3)
"""How long a webhook may spend on gateway calls before it is left to the queue: a gateway that stalls still sends them,
and each that waits holds one of the function's places."""

PUBLIC_GATEWAY_BUDGET = timedelta(seconds=4)
"""The same for every other call without a token: what is open by then is left to the queue, and the page says so."""

TASK_GATEWAY_BUDGET = timedelta(seconds=45)
"""How long one queue message may spend on gateway calls in all."""

CANARY_EVERY = timedelta(minutes=10)
"""How often the canary goes a guest's way, where a stage has one."""

CANARY_AHEAD = timedelta(days=30)
"""How far ahead the canary books."""

CANARY_SEARCH = timedelta(seconds=10)
"""How long the canary's search over HTTP may take."""

OWED_AT_MOST = timedelta(days=1)
"""What is owed longer than this without a person having been asked breaks a promise."""

WATCH_EVERY = timedelta(minutes=5)
"""How often the stage is watched, and the day's check goes on."""

CHECK_BEGINS = timedelta(hours=3)
"""From this time of the stage's day on, the check of the day before begins."""

CHECK_LOOKS_BACK = timedelta(days=2)
"""Bookings made or changed so long before the last check are checked again: what they owe may only now be overdue."""

CHECK_WORKS = timedelta(seconds=40)
"""How long one run of the check goes on; the next one takes it up."""

CHECK_EVERYTHING = timedelta(days=30)
"""Within so much time every booking of the last CHECK_OLDEST is checked, though nothing of it has changed."""

CHECK_OLDEST = timedelta(days=400)
"""Bookings made longer ago are not checked by themselves any more."""

COUNTS_SLOT = timedelta(minutes=5)
"""Running counts are kept by as much time."""

COMPARED_HOUR = timedelta(hours=1)
"""Payments paid and opened are compared over so much time."""

COMPARED_AFTER = timedelta(minutes=15)
"""How long after a payment was opened it counts: most people have paid by then."""

COMPARED_WITH = timedelta(days=7)
"""The same hour is that of the same weekday."""

COUNTS_SHOWN = timedelta(hours=1)
"""How much of the running counts an operator is shown."""

COUNTS_KEPT = timedelta(days=9)
"""How long running counts are kept: an hour is compared with the same one a week before."""

DYNAMODB_CONNECT = timedelta(seconds=1)
"""How long a connection to DynamoDB may take: both ends are in one region."""

DYNAMODB_READ = timedelta(seconds=3)
"""How long DynamoDB may be silent: its usual answer takes milliseconds."""

DYNAMODB_CALL = 2 * DYNAMODB_READ
"""What a call to DynamoDB takes at most over kept connections: two attempts."""

DYNAMODB_CONFLICT_PAUSE = timedelta(milliseconds=50)
"""The first pause, at most, after a conflict with another write; each further one doubles it."""

AWS_CONNECT = timedelta(seconds=1)
"""How long a connection to SQS, SES or SSM may take."""

AWS_READ = timedelta(seconds=5)
"""How long SQS, SES or SSM may be silent."""

AWS_RETRY_PAUSE = timedelta(milliseconds=100)
"""The pause, at most, before a call to DynamoDB, SQS or SSM is sent once more."""

USER_POOL_CALL = timedelta(seconds=1)
"""How long a connection to Cognito may take, and how long Cognito may be silent."""

USER_POOL_TRIGGER = timedelta(seconds=5)
"""How long Cognito waits for the function that shapes its tokens."""

INIT_READS = timedelta(seconds=3)
"""How long a starting function waits for what its first request would read: Lambda's init phase has ten seconds."""

SECRETS_KEPT = timedelta(seconds=60)
"""How long secrets are kept before they are read again, and before a failed read is repeated."""

# Access tokens

ISSUER_CALL = timedelta(seconds=3)
"""How long the tokens' issuer may be silent, and how long one of its documents may take to come."""

TOKEN_KEYS_FRESH = timedelta(minutes=15)
"""How long the issuer's keys serve before they are fetched again; while that fails, the old ones serve on."""

USER_INFO_FRESH = timedelta(minutes=15)
"""How long the address serves that the issuer's userInfo has for a person."""

TOKEN_KEYS_FETCH = timedelta(seconds=60)
"""The pause between two fetches: tokens that name an unknown key must not become a flood at the issuer."""

TOKEN_KEYS_FIRST_FETCH = timedelta(seconds=5)
"""The same while there are no keys at all."""

TOKEN_LEEWAY = timedelta(seconds=5)
"""By how much the issuer's clock may differ from ours."""

TOKEN_LIFETIME_MAX = timedelta(days=1)
"""How far ahead a token may expire: a stolen one must end by itself."""

AUTHORIZER_CACHE = timedelta(seconds=60)
"""How long API Gateway keeps the authorizer's answer for a token."""

# What callers are told

PROPOSAL_KEPT = timedelta(hours=72)
"""How long an operator's proposal waits for a second person: over a weekend, and not until everybody has forgotten."""

RETRY_AFTER_BUSY = timedelta(seconds=1)
"""``Retry-After`` when a store was busy or a race was lost too often."""

RETRY_AFTER_OPENING = timedelta(seconds=5)
"""``Retry-After`` when another caller is opening the payment."""

RETRY_AFTER_HOLD = timedelta(seconds=60)
"""``Retry-After`` when a guest has too many open holds."""

RETRY_AFTER_WEBHOOK = timedelta(seconds=60)
"""``Retry-After`` when a webhook could not be stored anywhere."""

RETRY_AFTER_GATEWAY = timedelta(seconds=30)
"""``Retry-After`` when the gateway throttled us and named no time that can be read."""

RETRY_AFTER_GATEWAY_MIN = timedelta(seconds=1)
"""The shortest ``Retry-After`` that is taken from a gateway."""

RETRY_AFTER_GATEWAY_MAX = timedelta(minutes=5)
"""The longest ``Retry-After`` that is taken from a gateway: a person waits for it."""

PAGE_REFRESHES = tuple(timedelta(seconds=pause) for pause in (3, 5, 10, 20, 30, 60))
"""The pauses after which the guest's page looks again; each is kept for ten times its length."""

PAGE_REFRESH_AFTER_FAULT = timedelta(seconds=30)
"""The pause after which the guest's page looks again when we failed."""

CORS_CACHE = timedelta(minutes=10)
"""How long a browser keeps a preflight's answer."""

WESTERNMOST, EASTERNMOST = timedelta(hours=-12), timedelta(hours=14)
"""From UTC to the zones where a day ends last, and where it begins first."""

CITY_FORGOTTEN_AFTER = timedelta(days=1)
"""How long a city is kept after its last listing."""

CATALOGUE_CACHE = timedelta(seconds=30)
"""How long anybody may keep what the catalogue answered."""

STATIC_CACHE = timedelta(days=1)
"""How long the files of ``/docs`` may be kept: they change with a release."""

# Time-outs that configuration files hold

API_FUNCTION = timedelta(seconds=28)
"""``.chalice/config.json``: API Gateway answers 504 after 29 s, and our own answer must come first."""

AUTHORIZER_FUNCTION = timedelta(seconds=10)
"""``.chalice/config.json``: two documents of the issuer, one after the other."""

SWEEP_FUNCTION = timedelta(seconds=58)
"""``.chalice/config.json``: one sweep ends before the next begins."""

TASK_FUNCTION = timedelta(seconds=60)
"""``.chalice/config.json``: one message of the ``reconcile`` queue, or ten of the ``emails`` queue."""

QUEUE_VISIBILITY = timedelta(minutes=6)
"""``.chalice/resources.json``: six times the function's time-out, as AWS advises for throttled functions."""

# Rights to act alone

API_VERIFY_LEASE = timedelta(seconds=25)
"""How long a request may ask the gateway about a booking alone: longer than the time that it has for the gateway."""

WORKER_VERIFY_LEASE = timedelta(seconds=50)
"""The same for a consumer of the queue."""

OUTBOX_CLAIM_BEFORE = timedelta(seconds=75)
"""An entry that is due again sooner than this is claimed before it is delivered: the delivery may last a minute."""

# What operators are shown

PAID_WITHIN = tuple(timedelta(minutes=minutes) for minutes in (2, 5, 10, 20, 30))
"""The steps by which the time from checkout to payment is counted."""

OPEN_FOR = (*(timedelta(minutes=minutes) for minutes in (15, 30, 60)), timedelta(hours=6), timedelta(hours=24))
"""The steps by which the ages of open payments are counted."""

REFUNDED_FOR = (timedelta(hours=1), *(timedelta(days=days) for days in (1, 3, 7, 14)))
"""The steps by which the ages of refunds under way are counted."""

LATER_THAN_ANYTHING_DUE = timedelta(days=1000)
"""A booking waits at most for the end of a stay, 630 days from today."""

COUNTS_KEPT_EVERY = timedelta(seconds=10)
"""How often a process stores its counts: sooner than a guest comes from her link to her payment, which it may count
both."""
