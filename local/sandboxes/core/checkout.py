"""`Checkout`: the hosted payment page behind a checkout_url.

Plain forms, no scripts. As in a gateway's test mode, its test numbers and cards succeed, all others fail.
"""

import re
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit, urlunsplit

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from local.sandboxes.core.sandbox import Sandbox
from local.sandboxes.core.transactions import CHECKOUT_WINDOW, TRIES, NotOpenError, Transaction


def grouped(digits: str) -> str:
    """Write a card's number in groups of four."""
    return " ".join(re.findall(".{1,4}", digits))


@dataclass(frozen=True)
class Checkout:
    """The page and its form."""

    sandbox: Sandbox

    def add_to(self, blueprint: Blueprint) -> None:
        """Add the routes."""
        blueprint.add_url_rule("/checkout/<token>", "checkout", self.show)
        blueprint.add_url_rule("/checkout/<token>", "checkout_choose", self.choose, methods=["POST"])

    def show(self, token: str) -> AnyResponse:
        """Show the page, in the state that the payment is in."""
        transaction = self.sandbox.transactions.find_by_token(token)
        if transaction is None:
            return self._page("missing.html", 404)
        now = self.sandbox.now()
        return self._page(
            "checkout.html",
            transaction=transaction,
            amount=f"{transaction.amount:,.2f}",
            open=transaction.open_at(now),
            closes=f"{transaction.created_at + CHECKOUT_WINDOW:%H:%M} UTC",
            tries_left=TRIES - transaction.tries,
            back=self._return_address(transaction),
            paid_with=self.sandbox.gateway.methods.get(transaction.method or "", transaction.method),
            sections=self.sandbox.gateway.sections(transaction),
            other_method=self.sandbox.gateway.default_method,
            other_account=self.sandbox.gateway.declined_example,
            grouped=grouped,
        )

    def choose(self, token: str) -> AnyResponse:
        """Take what the customer pressed: `do` is pay or cancel; `method` and `account` say with what."""
        transaction = self.sandbox.transactions.find_by_token(token)
        if transaction is None:
            return self._page("missing.html", 404)
        here = url_for(".checkout", token=token)
        entry = self.sandbox.call_log.begin(
            "checkout",
            method="POST",
            path=request.path,
            tx_ref=transaction.tx_ref,
            body=request.form.to_dict(),
        )
        goal = here
        if transaction.open_at(self.sandbox.now()):
            try:
                goal = self._carry_out(transaction) or here
            except NotOpenError:
                goal = here
        self.sandbox.call_log.finish(entry, 303, goal)
        return redirect(goal, 303)

    def _carry_out(self, transaction: Transaction) -> str | None:
        """Do what was chosen, and return where the browser goes; None is back to the page."""
        if request.form.get("do") == "cancel":
            return self._return_address(self.sandbox.finish_checkout(transaction.tx_ref, "cancel"))
        method = request.form.get("method", "")
        account = re.sub(r"[\s-]", "", request.form.get("account", ""))
        gateway = self.sandbox.gateway
        if method not in gateway.methods or not account:
            return None
        mobile = None if method == "card" else account
        if gateway.takes(transaction, method, account):
            paid = self.sandbox.finish_checkout(transaction.tx_ref, "success", method=method, mobile=mobile)
            return self._return_address(paid)
        tried = grouped(account[:20]) if method == "card" else account[:20]
        reason = f"{gateway.methods[method]} {tried} was declined"
        if account in gateway.declined:
            reason += f": {gateway.declined[account]}"
        self.sandbox.finish_checkout(transaction.tx_ref, "failed", method=method, mobile=mobile, reason=reason)
        return None

    def _return_address(self, transaction: Transaction) -> str | None:
        """Return the merchant's address for the guest, with what the gateway may append to it."""
        tx_ref, given = transaction.tx_ref, transaction.return_url is not None
        url = transaction.return_url or self.sandbox.settings.redirect_url
        if not url or (given and self.sandbox.switches.of("return_url", tx_ref) == "plain"):
            return url
        status = "success" if transaction.status == "paid" else "failed/cancelled"
        more = self.sandbox.gateway.return_facts(transaction, status)
        parts = urlsplit(url)
        query = "&".join(part for part in (parts.query, urlencode(more)) if part)
        return urlunsplit(parts._replace(query=query))

    def _page(self, template: str, status: int = 200, **facts: object) -> Response:
        answer = make_response(
            render_template(f"sandbox/{template}", brand=self.sandbox.gateway.brand, **facts), status
        )
        # Going back in the browser must show what the payment has become, not what it was.
        answer.headers["Cache-Control"] = "no-store"
        return answer
