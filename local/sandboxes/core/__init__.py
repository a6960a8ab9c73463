"""The parts that the sandboxes of all payment gateways share. They are never deployed.

    calls.py            handles an API call: logs it, reads its switch, answers
    transactions.py     stores transactions and refunds in memory
    switches.py         holds behaviours: for all calls, for one payment, for some calls
    faults.py           time-outs, resets and HTML pages in place of answers
    webhook_sender.py   sends webhooks and retries them
    scheduler.py        runs jobs later
    call_log.py         records requests and deliveries
    checkout.py         the hosted payment page
    control.py          _control, _log, _transactions, _webhook, _pay
    control_page.py     the controls as an HTML form
    known_answers.py    compares a gateway's answers with the known ones
    sandbox.py          joins the parts

What belongs to one gateway is in a package of its own: `local/sandboxes/chapa` (both versions) and
`local/sandboxes/paystack`.
"""
