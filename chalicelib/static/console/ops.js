// The operators' console: what needs a person, and every act on it, each a call of the API.
import { call, pages } from "./session.js";
import { start } from "./shell.js";
import { act, age, chart, dayBefore, facts, h, later, money, problem, statements, status, table, today, when } from "./ui.js";
import { t } from "./words.js";

const id = encodeURIComponent;
const toBooking = (bookingId) => h("a", { href: `#/booking/${id(bookingId)}` }, bookingId);
const guestOf = (booking) => booking.contact ? `${booking.contact.first_name} ${booking.contact.last_name}`.trim() : "";
const note = { name: "note", label: "Note (kept in the history)", long: true };
const minor = (text) => text === null ? null : Math.round(Number(text.replaceAll(",", "")) * 100);
const again = (show) => () => show();

const RESOLUTIONS = {
  payment_review: [["accept", "accept: by the rules of late money"], ["refund", "refund: give all of it back"]],
  refund: [["post_again", "post again: the gateway does not have it"], ["already_refunded", "already refunded at the gateway"], ["paid_otherwise", "paid in another way"]],
};

const resend = (bookingId, entryId, done) => act({
  label: "Send again", says: "It goes to the address that its reader has today.", done,
  fields: [note, { name: "lift", label: "An address that bounced or complained", options: [["", "is not written to"], ["yes", "may be written to again"]] }],
  run: ({ note: said, lift }) => call("POST", `/v1/ops/bookings/${id(bookingId)}/messages/${id(entryId)}/resend`, { body: { note: said, lift: lift === "yes" } }),
});

const closeDispute = (disputeId, done) => act({
  label: "Close", danger: true, says: "Record how the gateway decided.", done,
  fields: [{ name: "as", label: "As", options: [["won", "won: the money stays"], ["lost", "lost: the money is gone"]] }, note],
  run: (body) => call("POST", `/v1/ops/disputes/${id(disputeId)}/close`, { body }),
});

function actsOn(item, show) {
  const made = [];
  if (item.actions.includes("close")) made.push(closeDispute(item.subject, show));
  if (item.actions.includes("resend")) made.push(resend(item.booking_id, item.subject, show));
  if (item.actions.includes("resolve") || item.actions.includes("acknowledge")) made.push(settle(item, show));
  return h("div", { class: "row" }, made);
}

function settle(item, show) {
  if (!item.actions.includes("resolve")) {
    return act({
      label: "Acknowledge", says: `${item.reason} It goes off this list; nothing else changes.`, fields: [note],
      run: (body) => call("POST", `/v1/ops/attention/${id(item.item_id)}/acknowledge`, { body }), done: again(show),
    });
  }
  const of = item.kind === "refund" ? "refunds" : "payments";
  return act({
    label: "Resolve", says: item.reason, done: again(show),
    fields: [{ name: "as", label: "As", options: RESOLUTIONS[item.kind] }, note],
    run: (body) => call("POST", `/v1/ops/${of}/${id(item.subject)}/resolve`, { body }),
  });
}

function attentionTable(items, show) {
  return table(`${t("Attention")} (${items.length})`, ["Since", "What", "Booking", "Why", ""], items.map((item) => [
    h("span", { title: item.since }, age(item.age_seconds)), t(item.kind), item.booking_id ? toBooking(item.booking_id) : item.subject, item.reason, actsOn(item, show),
  ]), "Nothing needs a person.");
}

async function todayPage(_show) {
  const show = arguments[arguments.length - 1];
  const span = `from=${dayBefore(13)}&to=${today()}`;
  return [
    later(pages("/v1/ops/attention", 200).then((items) => attentionTable(items, show))),
    later(call("GET", "/health").then((health) => h("p", { class: "small" }, `Guzo ${health.version}, commit ${health.commit}, stage ${health.stage}`))),
    later(call("GET", `/v1/ops/report?${span}`).then(charts)),
    later(pages(`/v1/ops/bookings?from=${dayBefore(1)}&to=${today()}`, 500).then(funnel)),
  ];
}

function charts(report) {
  const currencies = [...new Set(report.items.map((sums) => sums.currency))];
  if (!currencies.length) return h("p", { class: "empty" }, "No money moved in the last fourteen days.");
  return h("div", { class: "charts" }, currencies.map((currency) => {
    const rows = report.items.filter((sums) => sums.currency === currency);
    const points = (value) => [...Array(14).keys()].map((back) => dayBefore(13 - back))
      .map((day) => ({ name: day, value: value(rows.find((sums) => sums.day === day)) }));
    const shown = (amount) => `${currency} ${(amount / 100).toLocaleString("en", { minimumFractionDigits: 2 })}`;
    return [chart(`Net by day, ${currency}`, points((sums) => sums?.net.amount ?? 0), shown), chart(`Payments by day, ${currency}`, points((sums) => sums?.payments ?? 0), String)];
  }));
}

function funnel(bookings) {
  const count = (test) => bookings.filter(test).length;
  const steps = [["held", count(() => true)], ["link", count((each) => each.payment.status !== "created")], ["paid", count((each) => each.payment.status === "completed")], ["confirmed", count((each) => each.status === "confirmed")]];
  return chart("Since yesterday: held, link, paid, confirmed", steps.map(([name, value]) => ({ name, value })), String);
}

const bookingRows = (bookings) => bookings.map((booking) => [
  toBooking(booking.booking_id), status(booking.status), guestOf(booking), booking.listing_title, `${booking.check_in} – ${booking.check_out}`, money(booking.total), when(booking.created_at),
]);
const BOOKING_COLUMNS = ["Booking", "Status", "Guest", "Listing", "Stay", "Total", "Made"];

function searchPage() {
  const out = h("div", {});
  const find = async (event) => {
    event.preventDefault();
    const q = new FormData(event.target).get("q").trim();
    out.replaceChildren(later(call("POST", "/v1/ops/search", { body: { q } }).then((found) => {
      if (found.items.length === 1) location.assign(`#/booking/${found.items[0].booking_id}`);
      return table(`Found (${found.items.length}${found.next_cursor ? "+" : ""})`, BOOKING_COLUMNS, bookingRows(found.items), "Nothing is called so. Names, addresses and numbers must be whole.");
    })));
  };
  return [h("form", { onsubmit: find, role: "search" }, h("label", { for: "find" }, "Booking, tx_ref, gateway’s reference, refund, e-mail, telephone, name, account, host or listing"),
    h("div", { class: "row" }, h("input", { id: "find", name: "q", required: true, maxlength: "200", autocomplete: "off" }), h("button", { class: "primary" }, t("Search")))), out];
}

async function bookingPage(bookingId, show) {
  const path = `/v1/bookings/${id(bookingId)}`;
  const booking = await call("GET", path);
  const attempts = booking.payments ?? [booking.payment];
  const refunds = attempts.flatMap((payment) => payment.refunds.map((refund) => ({ ...refund, tx_ref: payment.tx_ref })));
  const received = attempts.reduce((sum, payment) => sum + (payment.received?.amount ?? 0), 0);
  const back = refunds.filter((refund) => refund.status === "refunded").reduce((sum, refund) => sum + refund.amount.amount, 0);
  const fees = attempts.reduce((sum, payment) => sum + (payment.fee?.amount ?? 0), 0);
  const shown = (amount) => `${booking.total.currency} ${(amount / 100).toLocaleString("en", { minimumFractionDigits: 2 })}`;
  const contact = booking.contact ?? {};
  const underWay = refunds.some((refund) => ["owed", "requested", "processing"].includes(refund.status));
  return [
    h("h2", {}, booking.booking_id, " ", status(booking.status)),
    h("p", { class: "lead" }, sentence(booking, underWay)),
    facts([["Guest", guestOf(booking)], ["E-mail", contact.email], ["Telephone", contact.phone ? h("a", { href: `tel:${contact.phone}` }, contact.phone) : null], ["Listing", booking.listing_title],
      ["Stay", `${booking.check_in} – ${booking.check_out}, ${booking.nights} nights, ${booking.units} units, ${booking.guests} guests`], ["Total", money(booking.total)],
      ["Received", shown(received)], ["Fees", shown(fees)], ["Refunded", shown(back)], ["Net", shown(received - fees - back)], ["Held until", when(booking.hold_expires_at)]]),
    h("div", { class: "acts" }, acts(booking, path, underWay, contact, show)),
    table("Attempts to pay", ["Reference", "Status", "Amount", "Received", "Gateway’s reference", "Made"], attempts.map((payment) => [payment.tx_ref, status(payment.status), money(payment.amount), money(payment.received), payment.provider_reference, when(payment.created_at)]), "None."),
    table("Refunds", ["Refund", "Status", "Amount", "Reason", "Changed"], refunds.map((refund) => [refund.refund_id, status(refund.status), money(refund.amount), refund.reason, when(refund.updated_at)]), "Nothing goes back."),
    messages(booking, path, show),
    later(history(booking.payment.tx_ref)),
    later(call("GET", `/v1/ops/payments/${id(booking.payment.tx_ref)}/gateway-events`).then((log) => table("The gateway’s own log", ["At", "Says"], log.items.map((line) => [when(line.at), line.text]), "The gateway keeps no log of it."))),
  ];
}

function sentence(booking, underWay) {
  const paid = booking.payment.paid_at;
  const going = underWay ? " Money is on its way back." : "";
  switch (booking.status) {
    case "pending_payment": return `Held and not paid. The hold ends at ${booking.hold_expires_at.slice(11, 16)} UTC; then the gateway is asked once more, and the nights are free again.`;
    case "confirmed": return `Confirmed${paid ? `, paid on ${paid.slice(0, 10)}` : ""}. The guest comes on ${booking.check_in}.${going}`;
    case "expired": return `The hold ended unpaid. Money that still comes is taken or given back by itself.${going}`;
    default: return `Cancelled.${going}`;
  }
}

function messages(booking, path, show) {
  if (!booking.messages) return "";
  return table("Letters", ["Letter", "To", "State", "Changed", ""], booking.messages.map((letter) => [
    t(letter.kind), `${letter.address ?? "no address"} (${letter.reader})`, h("span", {}, status(letter.status), letter.why ? ` ${t(letter.why)}` : ""), when(letter.changed_at),
    resend(booking.booking_id, letter.entry_id, again(show)),
  ]), "None.");
}

async function history(txRef) {
  const log = await call("GET", `/v1/payments/${id(txRef)}/events`);
  return table("What happened", ["At", "What", "By", "Detail"], log.items.map((event) => [when(event.at), `${t(event.kind)}${event.to ? ` → ${t(event.to)}` : ""}`, event.by_name || event.by || t(event.cause), event.detail]), "Nothing yet.");
}

function acts(booking, path, underWay, contact, show) {
  const { tx_ref: txRef } = booking.payment;
  const done = again(show);
  const made = [];
  if (!["completed"].includes(booking.payment.status)) {
    made.push(act({ label: "Ask the gateway", says: "The gateway is asked what became of this payment. An answer settles it; silence changes nothing.", run: () => call("POST", `/v1/payments/${id(txRef)}/verify`), done }));
  }
  if (booking.payment.status === "completed" && !underWay) {
    made.push(act({
      label: "Refund", danger: true, done,
      says: `Give money of ${txRef} back. Received: ${money(booking.payment.received) || money(booking.payment.amount)}. It is posted at the gateway once, within a minute.`,
      fields: [{ name: "amount", label: `Amount in ${booking.total.currency}; empty: all that is left`, required: false },
        { name: "reason", label: "Reason (the guest reads it)", long: true },
        { name: "cancel", label: "If all of it goes back", options: [["", "not all of it goes back"], ["yes", "cancel the booking with it"], ["no", "keep the booking"]] }],
      run: ({ amount, reason, cancel }, key) => call("POST", `/v1/payments/${id(txRef)}/refunds`, { key, body: { reason, amount: minor(amount), cancel_booking: cancel === null ? null : cancel === "yes" } }),
    }));
  }
  if (["pending_payment", "confirmed", "expired"].includes(booking.status)) {
    made.push(act({ label: "Cancel the booking", danger: true, says: `The nights are free again${booking.status === "confirmed" ? ", and all that was paid goes back" : ""}. The guest is told.`, fields: [{ name: "reason", label: "Reason (the guest reads it)", long: true }], run: (body) => call("POST", `${path}/cancel`, { body }), done }));
  }
  if (booking.status === "confirmed" && booking.check_in <= today()) {
    made.push(act({
      label: "End the stay", danger: true, done, says: "The nights that are left are free again, and the guest is told.",
      fields: [{ name: "as", label: "As", options: [["no_show", "the guest did not come"], ["left_early", "the guest left early"]] }, { name: "last_night", label: "Last night, if the guest left early", type: "date", required: false },
        { name: "refund", label: `Refund in ${booking.total.currency}; empty: by the policy`, required: false }, note],
      run: ({ refund, last_night, ...body }) => call("POST", `${path}/end-stay`, { body: { ...body, ...(last_night ? { last_night } : {}), refund: minor(refund) } }),
    }));
  }
  made.push(act({
    label: "Correct the contact", done, says: "Letters go to the new address from now on.",
    fields: [{ name: "first_name", label: "First name", value: contact.first_name }, { name: "last_name", label: "Last name", value: contact.last_name, required: false }, { name: "email", label: "E-mail", type: "email", value: contact.email }, { name: "phone", label: "Telephone", value: contact.phone }],
    run: (fields) => call("PATCH", path, { body: { contact: Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null)) } }),
  }));
  if (booking.payment.received) {
    made.push(act({
      label: "Enter a dispute", done, says: "For what the gateway told a person only. Until it is closed nothing of this payment is given back.",
      fields: [{ name: "reason", label: "Reason, as the gateway says", long: true }, { name: "due", label: "To be answered by", type: "datetime-local" }, note],
      run: ({ due, ...body }, key) => call("POST", "/v1/ops/disputes", { key, body: { ...body, tx_ref: txRef, due_at: new Date(due).toISOString().replace(/\.\d+/, "") } }),
    }));
  }
  return made;
}

async function disputesPage(show) {
  const items = await pages("/v1/ops/disputes", 500);
  return table("Disputes", ["Due", "Left", "Payment", "Amount", "Reason", "Status", ""], items.map((dispute) => [
    when(dispute.due_at), dispute.due_at ? age(Math.max(0, (new Date(dispute.due_at) - Date.now()) / 1000)) : "", toBooking(dispute.tx_ref.split("-")[0]), money(dispute.amount), dispute.reason, status(dispute.status),
    h("div", { class: "row" }, evidence(dispute.dispute_id), closeDispute(dispute.dispute_id, again(show))),
  ]), "Nobody disputes a payment.");
}

const evidence = (disputeId) => act({
  label: "Evidence", says: "What Guzo knows of this booking, to be sent to the gateway. It is copied to the clipboard.",
  run: async () => navigator.clipboard.writeText(JSON.stringify(await call("GET", `/v1/ops/disputes/${id(disputeId)}/evidence`), null, 2)), done: () => {},
});

async function bookingsPage(day = today()) {
  const choose = (event) => location.assign(`#/bookings/${event.target.value}`);
  return [h("label", {}, "Made on", h("input", { type: "date", value: day, onchange: choose })),
    later(pages(`/v1/ops/bookings?from=${day}&to=${day}`).then((items) => table(`${t("Bookings")} (${items.length})`, BOOKING_COLUMNS, bookingRows(items), "Nobody booked on this day.")))];
}

async function arrivalsPage(day = today()) {
  const items = await pages(`/v1/ops/arrivals?date=${day}`);
  return [h("label", {}, "On", h("input", { type: "date", value: day, onchange: (event) => location.assign(`#/arrivals/${event.target.value}`) })),
    table(`${t("Arrivals")} (${items.length})`, ["Guest", "Does", ...BOOKING_COLUMNS.slice(0, 1), "Listing", "Stay"], items.map((each) => [guestOf(each), t(each.movement ?? ""), toBooking(each.booking_id), each.listing_title, `${each.check_in} – ${each.check_out}`]), "Nobody arrives.")];
}

async function ledgerPage(from = dayBefore(30), to = today()) {
  const go = (event) => { event.preventDefault(); const form = new FormData(event.target); location.assign(`#/ledger/${form.get("from")}/${form.get("to")}`); };
  return [h("form", { class: "row", onsubmit: go }, h("label", {}, "From", h("input", { type: "date", name: "from", value: from })), h("label", {}, "To", h("input", { type: "date", name: "to", value: to })), h("button", {}, "Show")),
    later(call("GET", `/v1/ops/ledger/totals?from=${from}&to=${to}&by=day,gateway,currency`).then((totals) => table("Totals", ["Day", "Gateway", "In", "Fees", "Refunded", "Net"], totals.items.map((row) => [row.day, row.gateway, money(row.gross), money(row.fees), money(row.refunded), money(row.net)]), "No money moved."))),
    later(pages(`/v1/ops/ledger?from=${from}&to=${to}`).then((lines) => table(`Lines (${lines.length})`, ["At", "Kind", "Gross", "Fee", "Net", "Gateway", "Its reference", "Booking"], lines.map((line) => [when(line.at), t(line.kind), money(line.gross), money(line.fee), money(line.net), line.gateway, line.provider_reference, toBooking(line.booking_id)]), "No money moved.")))];
}

function matchingPage() {
  const out = h("div", {});
  const match = async (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const file = form.get("file");
    const csv = file && file.size ? await file.text() : null;
    out.replaceChildren(later(call("POST", "/v1/ops/settlements", { body: { gateway: form.get("gateway"), from: form.get("from"), to: form.get("to"), csv } }).then(report)));
  };
  async function report(made) {
    const { items } = await call("GET", `/v1/ops/settlements/${id(made.settlement_id)}?limit=100`);
    const counts = Object.entries(made.counts).map(([verdict, count]) => [t(verdict), String(count)]);
    return [facts([...counts, ["Read to its end", made.complete ? "yes" : "no: it says nothing of what it does not name"]]),
      table("Lines", ["Verdict", "Mend it by", "Why", "Reference", "Booking", "Theirs", "Ours"], items.map((line) => [status(line.verdict), t(line.action ?? ""), line.reason, line.reference, line.booking_id ? toBooking(line.booking_id) : "", line.theirs ?? "", money(line.ours)]), "The statement has no lines.")];
  }
  return [h("h2", {}, "Match a gateway’s statement"), h("form", { onsubmit: match }, h("div", { class: "row" },
    h("label", {}, "Gateway", h("select", { name: "gateway" }, h("option", {}, "chapa"), h("option", {}, "paystack"))), h("label", {}, "From", h("input", { type: "date", name: "from", value: dayBefore(1), required: true })), h("label", {}, "To", h("input", { type: "date", name: "to", value: today(), required: true }))),
  h("label", {}, "CSV file; none: the gateway’s API is asked", h("input", { type: "file", name: "file", accept: ".csv,text/csv" })), h("button", { class: "primary" }, "Match")), out];
}

function hostsPage() {
  const out = h("div", {});
  const look = (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const path = `/v1/ops/hosts/${id(form.get("host"))}`;
    const show = () => out.replaceChildren(later(call("GET", `${path}/statements?month=${form.get("month")}`).then(({ items }) => [statements(items), act({
      label: "Mark as paid", says: "Guzo moves no money to hosts: this records that you did.", done: show,
      fields: [{ name: "amount", label: "Amount" }, { name: "currency", label: "Currency", value: items[0]?.currency ?? "ETB" }, { name: "date", label: "Paid on", type: "date", value: today() }, { name: "reference", label: "The bank’s reference" }, note],
      run: ({ amount, ...body }, key) => call("POST", `${path}/payouts`, { key, body: { ...body, amount: minor(amount) } }),
    })])));
    show();
  };
  return [h("form", { class: "row", onsubmit: look }, h("label", {}, "Host (the token’s sub)", h("input", { name: "host", required: true })), h("label", {}, "Month", h("input", { name: "month", type: "month", value: today().slice(0, 7), required: true })), h("button", { class: "primary" }, "Show")), out];
}

function listingPage() {
  const [out, doing] = [h("div", {}), h("div", {})];
  const look = (event) => {
    event.preventDefault();
    const path = `/v1/ops/listings/${id(new FormData(event.target).get("listing"))}/close`;
    const shown = (state) => [facts([["State", t(state.state)], ["Cancelled", String(state.cancelled)], ["Still to cancel", String(state.left)], ["To give back", state.to_return.map(money).join(", ")], ["Given back", state.returned.map(money).join(", ")]])];
    const preview = () => call("POST", path, { body: { cancel_bookings: true, reason: "A look at it.", dry_run: true } });
    const state = (listing) => listing.status === "open" ? preview() : call("GET", path);
    const show = () => out.replaceChildren(later(call("GET", path.replace("/ops/", "/").replace(/.close$/, "")).then((listing) => state(listing).then((found) => [h("h2", {}, listing.title, " ", status(listing.status)), ...shown(found)]))));
    const fields = [{ name: "cancel", label: "Bookings to come", options: [["no", "stay as they are"], ["yes", "are cancelled, and all is given back"]] }, { name: "reason", label: "Reason", long: true }];
    const body = ({ cancel, reason }, dry) => ({ cancel_bookings: cancel === "yes", reason, dry_run: dry });
    show();
    doing.replaceChildren(h("div", { class: "acts" }, act({ label: "Close the listing", danger: true, fields, done: show, says: "It takes no more bookings. You see first what would happen; press again to do it.",
      preview: (values) => call("POST", path, { body: body(values, true) }).then((state) => h("div", {}, shown(state))), run: (values) => call("POST", path, { body: body(values, false) }) })));
  };
  return [h("form", { class: "row", onsubmit: look }, h("label", {}, "Listing", h("input", { name: "listing", required: true, placeholder: "lst_…" })), h("button", { class: "primary" }, "Show")), out, doing];
}

async function accountPage(sub, show) {
  const out = h("div", {});
  const look = async (name) => {
    const path = `/v1/ops/accounts/${id(name)}`;
    const account = await call("GET", path);
    const plain = Object.entries(account).map(([key, value]) => [t(key), value !== null && typeof value === "object" ? JSON.stringify(value) : String(value ?? "")]);
    const button = (word, danger, says) => act({ label: t(word), danger, says, fields: [note], run: (body) => call("POST", `${path}/${word}`, { body }), done: () => look(name) });
    out.replaceChildren(h("h2", {}, name), facts(plain), h("div", { class: "acts" }, button("block", true, "This account makes no more bookings; what it has stays."), button("unblock", false, "This account may book again.")));
  };
  if (typeof sub === "string") await look(sub);
  return [h("form", { class: "row", onsubmit: (event) => { event.preventDefault(); look(new FormData(event.target).get("sub")).catch((error) => out.replaceChildren(problem(error))); } },
    h("label", {}, "Account (the token’s sub)", h("input", { name: "sub", required: true })), h("button", { class: "primary" }, "Show")), out];
}

start({
  title: "Guzo operators",
  menu: [["today", "Today"], ["search", "Search"], ["bookings", "Bookings"], ["arrivals", "Arrivals"], ["ledger", "Ledger"], ["matching", "Matching"], ["hosts", "Hosts"], ["listings", "Listings"], ["disputes", "Disputes"], ["accounts", "Accounts"]],
  pages: { today: todayPage, search: searchPage, booking: bookingPage, bookings: dayed(bookingsPage), arrivals: dayed(arrivalsPage), ledger: dayed(ledgerPage), matching: matchingPage, hosts: hostsPage, listings: listingPage, disputes: disputesPage, accounts: accountPage },
});

// A page of days is given its address's days, and no more.
function dayed(page) {
  return (...given) => page(...given.filter((each) => typeof each === "string"));
}
