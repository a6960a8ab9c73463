// Accounts that book, and listings that are closed for good.
import { act, post } from "./act.js";
import { note } from "./ops-acts.js";
import { toProposal } from "./ops-proposals.js";
import { call, read } from "./session.js";
import { facts, h, id, lookUp, money, spokenDay, status, table, toBooking, when } from "./ui.js";
import { t, word } from "./words.js";

const CAPS = ["open_holds", "unpaid_unit_nights", "bookings_per_hour", "bookings_per_day"];
const capsOf = (caps) => CAPS.map((name) => [t(`cap.${name}`), String(caps[name])]);
const accountState = (account) => facts([
  [t("column.status"), status(account.block ? "blocked" : account.paused_until ? "paused" : "may_book")],
  [t("account.blocked"), account.block ? h("span", {}, `${account.block.note} (${account.block.by_name || account.block.by}, `, when(account.block.at), ")") : null],
  [t("account.paused"), when(account.paused_until)], [t("account.has_paid"), t(account.has_paid ? "yes" : "no")], [t("account.hour"), String(account.bookings_last_hour)], [t("account.day"), String(account.bookings_last_day)],
  [t("account.open"), String(account.open_holds.length)], ...capsOf(account.caps)]);

export function accountsPage([sub = ""]) {
  const find = async ({ sub: name }, again) => {
    const path = `/v1/ops/accounts/${id(name)}`;
    const { value: account, etag } = await read(path);
    const own = { thing: path, etag, now: accountState, done: again };
    const decide = (act_, danger) => act({ ...own, label: t(`act.${act_}`), says: t(`act.${act_}.says`), danger, fields: [note()], ...post(`${path}/${act_}`, (values) => values, accountState) });
    const raised = ({ note: why, ...caps }) => ({ note: why, ...Object.fromEntries(CAPS.map((cap) => [cap, caps[cap] === null ? null : Number(caps[cap])])) });
    return [h("h2", {}, name), accountState(account),
      h("div", { class: "acts" }, account.block ? "" : decide("block", true), account.block || account.paused_until ? decide("unblock", false) : "",
        act({ ...own, label: t("act.limits"), says: t("act.limits.says"), fields: [...CAPS.map((cap) => ({ name: cap, label: t(`cap.${cap}`), inputmode: "numeric", required: false })), note()], ...post(`${path}/limits`, raised, accountState) })),
      table(t("account.bookings"), [t("column.booking"), t("column.status"), t("column.listing"), t("column.total"), t("column.made")],
        account.bookings.map((each) => [toBooking(each.booking_id), status(each.status), each.listing_title, money(each.total), when(each.created_at)]), t("account.no_bookings")),
      table(t("account.acts"), [t("column.at"), t("column.what"), t("column.by"), t("field.note")], account.acts.map((each) => [when(each.at), word(each.act), each.by_name || each.by, each.note]), t("account.no_acts"))];
  };
  const { form, out, look } = lookUp([{ name: "sub", label: t("field.account"), hint: t("field.sub.hint"), value: sub }], find);
  if (sub) look();
  return [h("h2", {}, t("page.accounts")), form, out];
}

const amounts = (sums) => sums.map(money).join(", ");
const closing = (state) => h("div", {}, facts([[t("column.status"), status(state.state)], [t("closing.cancelled"), String(state.cancelled)], [t("closing.left"), String(state.left)], [t("closing.to_return"), amounts(state.to_return)], [t("closing.returned"), amounts(state.returned)], [t("column.why"), state.reason], [t("column.proposal"), state.proposal_id && toProposal(state.proposal_id)], [t("closing.second"), state.needs_second_person ? t("closing.second.yes") : null], [t("closing.reopened"), state.reopened_at && h("span", {}, state.reopened_by_name || state.reopened_by, ", ", when(state.reopened_at), ": ", state.reopened_note || "–")]]),
  state.bookings.length ? h("ul", {}, state.bookings.slice(0, 20).map((each) => h("li", {}, toBooking(each.booking_id), ` ${spokenDay(each.check_in)}, ${money(each.back)}`))) : null);

export function listingsPage([listingId = ""]) {
  const find = async ({ listing: name }, again) => {
    const path = `/v1/ops/listings/${id(name)}`;
    const { value: listing, etag } = await read(`/v1/listings/${id(name)}`);
    const state = listing.status === "open" ? null : await call("GET", `${path}/close`).catch((error) => { if (error.code !== "closing_not_found") throw error; return null; });
    const own = { thing: `/v1/listings/${id(name)}`, etag, now: (now) => status(now.status), done: again };
    const options = ["no", "yes"].map((value) => [value, t(`cancel_all.${value}`)]);
    return [h("h2", {}, listing.title, " ", status(listing.status)), facts([[t("fact.city"), listing.city], [t("field.host"), h("a", { href: `#/hosts/${id(listing.host_id)}` }, listing.host_id)], [t("column.price"), money(listing.nightly_price)], [t("column.units"), String(listing.units)]]),
      state ? closing(state) : h("p", { class: "empty" }, t("closing.none")),
      h("div", { class: "acts" }, act({ ...own, label: t("act.close_listing"), says: t("act.close_listing.says"), danger: true, fields: [{ name: "cancel", label: t("field.to_come"), options }, { name: "reason", label: t("field.reason"), long: true }],
        ...post(`${path}/close`, ({ cancel, reason: why }) => ({ cancel_bookings: cancel === "yes", reason: why }), closing) }),
      state ? act({ ...own, label: t("act.reopen"), says: t("act.reopen.says"), fields: [note()], ...post(`${path}/reopen`, ({ note: why }) => ({ note: why }), (now) => status(now.status)) }) : "")];
  };
  const { form, out, look } = lookUp([{ name: "listing", label: t("column.listing"), placeholder: "lst_…", value: listingId }], find);
  if (listingId) look();
  return [h("h2", {}, t("page.listings")), form, out];
}
