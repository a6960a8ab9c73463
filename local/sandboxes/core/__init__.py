"""What the sandboxes of all payment gateways are made of. It is never deployed.

    desk.py       a call, from its switch to its answer     checkout.py   the hosted payment page
    ledger.py     transactions and refunds, in memory       control.py    _control, _log, _webhook, _pay
    switches.py   switches: for all, one payment, once      faults.py     time-outs, resets, HTML pages
    delivery.py   sending webhooks, and trying again        journal.py    what was asked and sent
    courier.py    doing things later                        sandbox.py    the parts joined

A gateway's own words are in a package of its own: `local/chapa` (both versions of it), `local/paystack`.
"""
