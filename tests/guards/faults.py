"""Faults that people make and reviewers miss, each at a symbol, with the quick tests that must notice it."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from tests.guards import edits
from tests.guards.edits import Edit
from tests.guards.trial import Trial, tree_of


@dataclass(frozen=True)
class At:
    """An edit of one symbol: ``symbol`` is a path of names within ``module`` (of ``chalicelib``)."""

    module: str
    symbol: str
    edit: Edit

    @property
    def full(self) -> str:
        return f"chalicelib.{self.module}"


@dataclass(frozen=True)
class Fault:
    """Edits in one or several places, and what pytest is asked to run."""

    name: str
    places: tuple[At, ...]
    caught_by: tuple[str, ...]

    def trial(self) -> Trial:
        """Raises LookupError where a symbol, or what is to be edited in it, is not there."""
        trees = {place.full: tree_of(place.full) for place in self.places}
        for place in self.places:
            if not place.edit(_find(trees[place.full], place.symbol)):
                raise LookupError(f"{self.name}: nothing to edit in {place.full}.{place.symbol}")
        return Trial(self.name, {name: ast.fix_missing_locations(tree) for name, tree in trees.items()}, self.caught_by)


def _find(tree: ast.AST, symbol: str) -> ast.AST:
    """The definition of a function, class or module constant."""
    for name in symbol.split("."):
        for node in ast.walk(tree):
            named = getattr(node, "name", None)
            if isinstance(node, ast.Assign | ast.AnnAssign):
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                named = getattr(target, "id", None)
            if named == name and node is not tree:
                tree = node
                break
        else:
            raise LookupError(f"there is no {symbol}")
    return tree


def _fault(name: str, module: str, symbol: str, edit: Edit, *caught_by: str) -> Fault:
    return Fault(name, (At(module, symbol, edit),), caught_by)


_STORE = "tests/adapters/test_dynamodb_contract.py"

FAULTS: tuple[Fault, ...] = (
    # Conditions of the transactions.
    _fault(
        "a hold fills a slot whatever was read of it",
        "adapters.dynamodb.bookings",
        "DynamoBookings.hold",
        edits.without_keyword("update", "condition"),
        _STORE,
    ),
    _fault(
        "a hold writes over the booking of the same key",
        "adapters.dynamodb.bookings",
        "DynamoBookings.hold",
        edits.without_keyword("save", "condition"),
        _STORE,
    ),
    _fault(
        "a save that moves nights ignores the version",
        "adapters.dynamodb.bookings",
        "DynamoBookings.save.fill",
        edits.without_keyword("save", "condition"),
        _STORE,
    ),
    _fault(
        "a second maker writes over the salt",
        "adapters.dynamodb.bookings",
        "DynamoBookings._made_salt",
        edits.without_keyword("save", "condition"),
        "tests/adapters/test_dynamodb.py",
    ),
    _fault(
        "a lease is taken from its owner",
        "adapters.dynamodb.bookings",
        "DynamoBookings.lease_verification",
        edits.without_operand("free"),
        _STORE,
    ),
    _fault(
        "a save does not see a lease that came between",
        "adapters.dynamodb.bookings",
        "DynamoBookings.lease_verification",
        edits.without_element("version"),
        _STORE,
    ),
    _fault(
        "a booking that rests is put off",
        "adapters.dynamodb.bookings",
        "DynamoBookings.back_off_failing",
        edits.without_operand("is_due"),
        _STORE,
    ),
    _fault(
        "the due index is read in as many parts as a day has",
        "adapters.dynamodb.bookings",
        "DynamoBookings.due",
        edits.instead("DUE_SHARDS", "FORM"),
        "tests/adapters/test_dynamodb.py",
    ),
    _fault(
        "one unreadable booking takes a list down",
        "adapters.dynamodb.records",
        "read_each",
        edits.instead("Unreadable", "LookupError"),
        _STORE,
    ),
    _fault(
        "an orphan's second acknowledgement stands",
        "adapters.dynamodb.bookings",
        "acknowledge_item",
        edits.without_keyword("update", "condition"),
        _STORE,
    ),
    _fault("a closed night is sold", "adapters.dynamodb.months", "take", edits.without_operand("_is_open"), _STORE),
    _fault(
        "nights are taken at another price than the quoted one",
        "adapters.dynamodb.months",
        "take",
        edits.without_if("priced"),
        _STORE,
    ),
    _fault(
        "a night is given back twice",
        "adapters.dynamodb.months",
        "release",
        edits.without_keyword("update", "condition"),
        "tests/adapters/test_dynamodb.py",
    ),
    _fault(
        "the last unit is sold twice",
        "adapters.dynamodb.months",
        "_has_room",
        edits.computed("_taken(day) <= listing.units"),
        _STORE,
    ),
    _fault(
        "a newer month is half-read",
        "adapters.dynamodb.months",
        "_nights",
        edits.without_refusal("Unreadable"),
        "tests/adapters/test_golden.py",
        "tests/adapters/test_dynamodb.py",
    ),
    _fault(
        "a booking is reviewed twice",
        "adapters.dynamodb.listings",
        "DynamoListings.add_review.fill",
        edits.without_keyword("save", "condition"),
        "tests/adapters/test_dynamodb_contract.py",
    ),
    _fault(
        "what a batch left for later is forgotten",
        "adapters.dynamodb.calls",
        "batch_read",
        edits.without_operand("left"),
        "tests/adapters/test_dynamodb.py",
    ),
    _fault(
        "a conflict is taken for a lost race",
        "adapters.dynamodb.calls",
        "Writes.all",
        edits.without_if("_INCONCLUSIVE"),
        "tests/adapters/test_dynamodb.py",
    ),
    _fault(
        "a record of a newer form is read",
        "adapters.dynamodb.records",
        "inflate",
        edits.without_if("READABLE"),
        "tests/adapters/test_golden.py",
        "tests/adapters/test_records.py",
    ),
    # Leases and claims.
    _fault(
        "a refund is posted by a worker that did not claim it",
        "services.refunds",
        "_start",
        edits.without_operand("owner"),
        "tests/services/test_ownership.py",
        "tests/services/test_refunds.py",
    ),
    _fault(
        "a change is written over a refund that moved on",
        "services.refunds",
        "_change",
        edits.without_if("only_if"),
        "tests/services/test_refunds.py",
    ),
    _fault(
        "a refund is looked up without the booking's lease",
        "services.refunds",
        "_lease_verification",
        edits.computed("(Lease('anybody', ports.clock.now() + WORKER_VERIFY_LEASE), booking)"),
        "tests/services/test_refunds.py",
        "tests/services/test_ownership.py",
    ),
    _fault(
        "the lease on a booking is never given back",
        "services.reconcile",
        "_decide",
        edits.without_call("without_verify_lease"),
        "tests/services/test_reconcile.py",
    ),
    _fault(
        "an opening is saved over its next owner's",
        "services.checkout",
        "_save_if_owner",
        edits.without_operand("is_opened_by"),
        "tests/services/test_opening.py",
        "tests/services/test_ownership.py",
    ),
    _fault(
        "two workers deliver the letter that one claimed",
        "services.deliver",
        "_deliverable",
        edits.without_operand("lease"),
        "tests/services/test_deliver.py",
    ),
    _fault(
        "a letter that another worker took is marked over",
        "services.deliver",
        "deliver",
        edits.computed_if("before", "True"),
        "tests/services/test_deliver.py",
    ),
    # Money.
    _fault(
        "dollars are taken for birr",
        "domain.verification",
        "matches",
        edits.instead("amount", "tx_ref"),
        "tests/domain/test_verification_table.py",
    ),
    _fault(
        "test money confirms a live booking",
        "domain.verification",
        "matches",
        edits.without_operand("mode"),
        "tests/domain/test_verification.py",
    ),
    _fault(
        "late money confirms nights that others have",
        "domain.verification",
        "_accept_money",
        edits.without_operand("availability"),
        "tests/domain/test_verification_table.py",
    ),
    _fault(
        "a stay is confirmed after it began",
        "domain.verification",
        "_accept_money",
        edits.without_operand("check_in_at"),
        "tests/domain/test_verification.py",
    ),
    _fault(
        "a part that is owed is taken for the whole that went back",
        "domain.verification",
        "_refund_meant",
        edits.without_operand("amount"),
        "tests/domain/test_several.py",
        "tests/services/test_reversed.py",
    ),
    _fault(
        "a refund that is done is reported as a second one",
        "domain.verification",
        "_completed_went_back",
        edits.without_if("refunded"),
        "tests/domain/test_verification.py",
    ),
    _fault(
        "more is owed than was received",
        "domain.refunds",
        "owe_refund",
        edits.without_refusal("RefundExceedsPayment"),
        "tests/domain/test_refunds.py",
    ),
    _fault(
        "two operators give a night back twice",
        "services.refunds",
        "refunding",
        edits.without_statement("check_not_given_twice"),
        "tests/services/test_refunds.py",
    ),
    _fault(
        "a refund is posted again beside another",
        "domain.refunds",
        "resolve",
        edits.without_statement("check_none_under_way"),
        "tests/services/test_refunds.py",
    ),
    _fault(
        "the end of a stay gives back beside a refund under way",
        "domain.ending",
        "end_stay",
        edits.without_statement("check_not_given_twice"),
        "tests/services/test_ending.py",
    ),
    _fault(
        "a colleague's refund of another amount does not count",
        "domain.refunds",
        "check_not_given_twice",
        edits.without_operand("_is_a_colleagues"),
        "tests/services/test_refunds.py",
    ),
    _fault(
        "the same amount again does not count",
        "domain.refunds",
        "check_not_given_twice",
        edits.without_operand("amount"),
        "tests/services/test_refunds.py",
    ),
    _fault(
        "a refund that is only owed does not count as under way",
        "domain.refunds",
        "is_under_way",
        edits.without_operand("owed"),
        "tests/services/test_refunds.py",
    ),
    _fault(
        "one person posts a refund again",
        "domain.operators.four_eyes",
        "needs_second_person",
        edits.without_if("ResolveRefundAct"),
        "tests/services/test_proposals.py",
    ),
    _fault(
        "one person gives back any amount",
        "services.four_eyes",
        "update_with_four_eyes.gated",
        edits.computed("decide(current, availability)"),
        "tests/services/test_proposals.py",
    ),
    _fault(
        "who proposed it approves it",
        "domain.operators.four_eyes",
        "check_decidable",
        edits.without_refusal("SecondPersonNeeded"),
        "tests/services/test_proposals.py",
    ),
    _fault(
        "a proposal is approved after its time",
        "domain.operators.four_eyes",
        "check_decidable",
        edits.without_if("expired"),
        "tests/services/test_proposals.py",
    ),
    _fault(
        "an approval comes to another amount than was proposed",
        "domain.operators.four_eyes",
        "approve",
        edits.without_refusal("ProposalOutdated"),
        "tests/services/test_proposals.py",
    ),
    _fault(
        "two approvers do it twice",
        "services.operators.proposals",
        "approve.decide",
        edits.without_statement("check_decidable"),
        "tests/services/test_proposals.py",
    ),
    _fault(
        "a dry run writes",
        "services.rehearsal",
        "rehearsed",
        edits.computed("ports"),
        "tests/api/test_proposals.py",
    ),
    _fault(
        "what is owed already is owed again",
        "domain.booking",
        "Payment.refunded_or_owed",
        edits.computed("zero(self.amount.currency)"),
        "tests/domain/test_refunds.py",
    ),
    _fault(
        "a new post is judged by the name of the one before",
        "domain.refunds",
        "claim",
        edits.without_keyword("replace", "provider_refund_id"),
        "tests/domain/test_refunds.py",
    ),
    _fault(
        "a guest cancels after check-in",
        "domain.cancellation",
        "cancel",
        edits.without_refusal("StayBegun"),
        "tests/domain/test_cancellation.py",
    ),
    _fault(
        "a cancellation gives back what went back before",
        "domain.cancellation",
        "back_if_cancelled",
        edits.without_call("min"),
        "tests/domain/test_cancellation.py",
    ),
    _fault(
        "a key makes a second refund",
        "services.refunds",
        "refunding",
        edits.without_if("_keyed"),
        "tests/services/test_refunds.py",
    ),
    _fault(
        "a post that may have been executed is posted again",
        "services.refunds",
        "_post",
        edits.without_if("definitely_not_executed"),
        "tests/services/test_refunds.py",
    ),
    _fault(
        "money that a person paid back by hand is booked as the gateway's",
        "domain.finance.ledger",
        "line_of",
        edits.without_if("PAID_OTHERWISE"),
        "tests/domain/test_ledger.py",
        "tests/services/test_ledger.py",
    ),
    _fault(
        "a fee in another currency is taken off what was paid",
        "domain.finance.ledger",
        "line_of",
        edits.without_operand("currency"),
        "tests/domain/test_ledger.py",
        "tests/services/test_ledger.py",
    ),
    # The life of a booking.
    _fault(
        "a link stays open beside the one that paid",
        "domain.lifecycle",
        "confirm",
        edits.without_call("close_open_payments"),
        "tests/domain/test_booking.py",
    ),
    _fault(
        "a new attempt leaves the old link open",
        "domain.checkout",
        "new_attempt",
        edits.without_call("close_open_payments"),
        "tests/domain/test_checkout.py",
    ),
    _fault(
        "the clock forgets the outbox",
        "domain.lifecycle",
        "due_at",
        edits.without_statement("outbox"),
        "tests/domain/test_lifecycle.py",
    ),
    _fault(
        "a payment in review is paid again",
        "domain.checkout",
        "check_payable",
        edits.without_refusal("PaymentInReview"),
        "tests/domain/test_checkout.py",
    ),
    _fault(
        "a silent gateway is taken for an unpaid booking",
        "services.reconcile",
        "_expire_if_due",
        edits.without_if("silent"),
        "tests/services/test_expiry.py",
    ),
    _fault(
        "a hold ends with its link open",
        "services.reconcile",
        "_reconcile",
        edits.without_statement("_close_all"),
        "tests/services/test_expiry.py",
    ),
    _fault(
        "money that the gateway does not show yet is forgotten",
        "services.reconcile",
        "_look_for_orphan",
        edits.without_refusal("GatewayBadAnswer"),
        "tests/services/test_webhooks.py",
    ),
    _fault(
        "a link that nobody wants stays open",
        "services.checkout",
        "_keep_link",
        edits.without_statement("_cancel_quietly"),
        "tests/services/test_checkout.py",
        "tests/services/test_opening.py",
    ),
    _fault(
        "a price that rose is charged",
        "services.book",
        "_offer",
        edits.without_refusal("PriceChanged"),
        "tests/services/test_book.py",
    ),
    _fault(
        "a guest holds more than three",
        "domain.people.accounts",
        "check_may_book",
        edits.without_refusal("TooManyOpenHolds"),
        "tests/services/test_book.py",
    ),
    _fault(
        "a guest books without end",
        "domain.people.accounts",
        "check_may_book",
        edits.without_refusal("RateLimited"),
        "tests/services/test_account_limits.py",
    ),
    _fault(
        "a hold that was given up counts for nothing",
        "domain.people.accounts",
        "looked_up",
        edits.without_statement("Lapse"),
        "tests/services/test_account_limits.py",
    ),
    _fault(
        "the account is not looked at again when it was written",
        "adapters.dynamodb.bookings",
        "_account_write",
        edits.instead("version", "schema"),
        _STORE,
    ),
    _fault(
        "a guest is erased while money may still move",
        "services.operators.people",
        "erase",
        edits.without_refusal("DataStillNeeded"),
        "tests/services/test_people.py",
    ),
    _fault(
        "a batch erases what came under way meanwhile",
        "services.operators.erasing",
        "erase_contact",
        edits.without_operand("under_way"),
        "tests/services/test_people.py",
    ),
    _fault(
        "an erased guest is still found",
        "domain.people.erasure",
        "erase_guest",
        edits.without_keyword("replace", "search_keys"),
        "tests/services/test_people.py",
        "tests/domain/test_personal.py",
    ),
    _fault(
        "a digest of the contact stays",
        "domain.people.erasure",
        "erase_guest",
        edits.without_keyword("replace", "fingerprint"),
        "tests/domain/test_personal.py",
    ),
    _fault(
        "a letter goes to who was erased",
        "domain.outbox",
        "still_true",
        edits.without_if("contact_erased_at"),
        "tests/services/test_people.py",
    ),
    _fault(
        "a contact that was erased comes back",
        "domain.people.correcting",
        "correct_contact",
        edits.without_if("contact_erased_at"),
        "tests/services/test_people.py",
    ),
    _fault(
        "an empty page ends a statement",
        "services.operators.settlements",
        "_pulled",
        edits.without_operand("rows"),
        "tests/services/test_settlements.py",
    ),
    _fault(
        "an address gets letters without end",
        "services.deliver",
        "_kept_back",
        edits.without_if("_counted"),
        "tests/services/test_account_limits.py",
    ),
    _fault(
        "another request is answered under the same key",
        "services.book",
        "_repeat",
        edits.without_refusal("IdempotencyKeyReused"),
        "tests/services/test_book.py",
    ),
    _fault(
        "nothing follows a commit",
        "services.updating",
        "update",
        edits.without_statement("_after_commit"),
        "tests/services/test_reconcile.py",
    ),
    _fault(
        "a letter is sent though it is not true any more",
        "services.deliver",
        "_deliver",
        edits.without_if("still_true"),
        "tests/services/test_deliver.py",
    ),
    _fault(
        "a full queue is filled each minute again",
        "services.clock.sweep",
        "_enqueue_due",
        edits.without_if("WINDOW"),
        "tests/services/test_sweep.py",
    ),
    _fault(
        "letters to who paid are few once the stay is cancelled",
        "services.deliver",
        "_counted",
        edits.instead("was_paid", "holds_nights"),
        "tests/services/test_letters_counted.py",
    ),
    # What hosts are owed, and what goes back by a person.
    _fault(
        "a person gives back what the gateway took back already",
        "domain.refunds",
        "check_undisputed",
        edits.computed_if("at_risk", "payment.is_disputed"),
        "tests/domain/test_disputes.py",
    ),
    _fault(
        "a host is owed a stay by the day of another zone",
        "services.operators.payouts",
        "_today",
        edits.computed("ports.clock.now().date()"),
        "tests/services/test_stage_days.py",
    ),
    _fault(
        "the commission entered last counts for every day",
        "domain.finance.statements",
        "commission_on",
        edits.computed(
            "([otherwise] + [each.commission for each in entries if each.kind == 'commission' and each.on <= day])[-1]"
        ),
        "tests/services/test_payouts.py",
    ),
    _fault(
        "a closing counts what went back before it",
        "domain.operators.closing",
        "batch_done",
        edits.without_operand("pass_begun_at"),
        "tests/services/test_closing.py",
    ),
    _fault(
        "the ledger may add up to something else than its booking",
        "domain.watch.invariants",
        "of_lines",
        edits.without_if("moved"),
        "tests/services/test_checking.py",
    ),
    _fault(
        "a refund that nobody starts is not found",
        "domain.watch.invariants",
        "overdue",
        edits.without_if("refund"),
        "tests/services/test_checking.py",
    ),
    _fault(
        "the end of a stay gives back money that the bank may give back as well",
        "domain.ending",
        "end_stay",
        edits.without_statement("check_undisputed"),
        "tests/services/test_ending.py",
    ),
    _fault(
        "an attempt that a restore lost is passed over where its booking is there",
        "services.operators.after_restore",
        "_is_known",
        edits.without_operand("payment"),
        "tests/services/test_after_restore.py",
    ),
    # Who may do and see what.
    _fault(
        "a stranger reads a booking",
        "services.access",
        "visible_booking",
        edits.without_operand("role"),
        "tests/services/test_access.py",
    ),
    _fault(
        "a former host still acts as one",
        "services.access",
        "role_in",
        edits.without_operand("groups"),
        "tests/services/test_access.py",
    ),
    _fault(
        "a guest resolves a refund",
        "services.refunds",
        "resolve_refund",
        edits.without_call("with_role"),
        "tests/services/test_access.py",
    ),
    _fault(
        "support drops dead letters",
        "services.operators.dead_letters",
        "drop",
        edits.without_call("with_role"),
        "tests/services/test_dead_letters.py",
    ),
    _fault(
        "dead letters are sent back, and nobody knows how many",
        "services.operators.acts",
        "acting",
        edits.without_keyword("replace", "found"),
        "tests/api/test_dead_letters.py",
    ),
    _fault(
        "a host edits another's listing",
        "services.hosts.hosting",
        "own_listing",
        edits.without_refusal("ListingNotFound"),
        "tests/services/test_hosting.py",
    ),
    _fault(
        "a change is made of a listing that was changed since",
        "services.hosts.hosting",
        "update.change",
        edits.without_refusal("PreconditionFailed"),
        "tests/services/test_hosting.py",
    ),
    _fault(
        "a guest reads what operators write to each other",
        "services.queries",
        "event_for_others",
        edits.computed("event"),
        "tests/services/test_queries.py",
    ),
    _fault(
        "a host sees who is about to pay",
        "api.answers.bookings",
        "_may_see_contact",
        edits.computed("True"),
        "tests/api/test_views.py",
    ),
    _fault(
        "a link that is closed is shown",
        "api.answers.payments",
        "PaymentOut.of",
        edits.always("pending"),
        "tests/api/test_views.py",
        "tests/api/test_payments.py",
    ),
    _fault(
        "a route's role is not asked for",
        "api.core.request",
        "checked_call",
        edits.without_if("role"),
        "tests/api/test_routing.py",
        "tests/api/test_access.py",
    ),
    _fault(
        "a token that is over is good for the authorizer's minute",
        "api.core.request",
        "principal_of",
        edits.without_operand("now"),
        "tests/api/test_access.py",
    ),
    _fault(
        "a cursor is not signed",
        "api.core.cursors",
        "unseal",
        edits.without_if("compare_digest"),
        "tests/api/test_lists.py",
    ),
    _fault(
        "a cursor is good for another caller",
        "api.core.paging",
        "_scope",
        edits.without_element("person"),
        "tests/api/test_lists.py",
    ),
    _fault(
        "a token of another client is taken",
        "adapters.oidc",
        "Tokens._check",
        edits.without_if("_is_for_us"),
        "tests/adapters/test_oidc.py",
    ),
    _fault(
        "an address that the issuer did not verify is a host's",
        "adapters.oidc",
        "_email",
        edits.always("email_verified"),
        "tests/adapters/test_oidc.py",
    ),
    # What leaves the system, and what comes in.
    Fault(
        "a guest's address is logged",
        (
            At("telemetry", "FIELDS", edits.computed("itself | {'guest'}")),
            At("telemetry", "_loggable", edits.computed("value")),
        ),
        ("tests/test_telemetry.py",),
    ),
    _fault(
        "an exception is logged with its message",
        "telemetry",
        "describe_error",
        edits.computed("{'cause': type(exc).__name__, 'detail': str(exc)}"),
        "tests/test_telemetry.py",
    ),
    _fault(
        "a queue's failed message is lost",
        "events",
        "_process_batch.handle",
        edits.without_raise(),
        "tests/test_events.py",
    ),
    _fault(
        "the gateway may outlast the function",
        "events",
        "_process_batch.handle",
        edits.without_with("gateway_budget"),
        "tests/test_events.py",
    ),
    _fault(
        "the production stage takes test money",
        "settings",
        "read",
        edits.instead("live", "test"),
        "tests/adapters/test_modes.py",
    ),
    _fault(
        "a key of the other mode is used",
        "adapters.gateways.client",
        "GatewayClient._key",
        edits.without_statement("check_key"),
        "tests/adapters/test_modes.py",
    ),
    _fault(
        "a checkout link without TLS is shown",
        "adapters.gateways.parsing",
        "_is_link",
        edits.without_operand("secure"),
        "tests/adapters/test_chapa.py",
        "tests/adapters/test_gateway_contract.py",
    ),
    _fault(
        "a message moves another booking's payment",
        "adapters.aws.sqs",
        "read_task",
        edits.without_if("booking_of"),
        "tests/adapters/test_sqs.py",
    ),
    _fault(
        "a title becomes a header",
        "adapters.aws.ses",
        "_one_line",
        edits.computed("text"),
        "tests/adapters/test_ses.py",
    ),
)
"""Each is a mistake that can be made in one sitting, and that the code would run with for a long time."""
