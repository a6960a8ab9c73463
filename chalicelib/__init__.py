"""Guzo (ጉዞ, "journey"): bookings of stays, paid with Chapa.

The map of the house::

    app.py          table of contents: the Chalice app, its blueprints, its event handlers
    authorizer.py   the authorizer as Lambda runs it, in a package of its own
    api/            HTTP: thin; bodies in, problem documents out
    container.py    the composition root: builds the adapters and hands them to the services
    events.py       the bodies of the event handlers
    adapters/       dynamodb/, gateways/ (Chapa, Paystack), aws/ (SQS, SES, SSM), the token issuer, letters
    services/       the use cases: load, decide, save; they know ports/, not AWS
      hosts/        what hosts do      clock/  what the clock starts      operators/  what operators do
    domain/         pure decisions: the booking with its payments, refunds and letters, and
      listings/     places, nights and prices      finance/  the ledger and statements
      people/       accounts, contacts, erasure    operators/  what they decide of each other's acts
      words/        names, telephones, days        watch/  what must hold
    settings.py     the environment, read once
    gateways.py     the payment gateways, a row each
    telemetry.py    logs and metrics, redacted by allow-list
    trust/          the roots that TLS clients trust

Imports run downwards only: app → api → container → adapters → services → domain. ``settings``,
``gateways`` and ``telemetry`` stand on the ground beside the domain. ``import-linter`` holds it in every test run.
"""

__version__ = "0.2.0"
