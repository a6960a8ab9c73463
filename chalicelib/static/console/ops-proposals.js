// What one operator proposed and another one decides: acts of more money than one person may move alone.
import { act, post } from "./act.js";
import { pages, read } from "./session.js";
import { facts, h, id, money, status, table, toBooking, when } from "./ui.js";
import { t, word } from "./words.js";

const whatOf = (proposal) => [word(`proposed_${proposal.act}`), proposal.how ? word(proposal.how) : ""].filter(Boolean).join(": ");
export const toProposal = (proposalId) => h("a", { href: `#/proposals/${id(proposalId)}` }, proposalId);
const aboutOf = (proposal) => proposal.booking_id ? toBooking(proposal.booking_id) : h("a", { href: `#/listings/${id(proposal.listing_id)}` }, proposal.listing_id);

export async function proposalsPage([proposalId], show) {
  if (proposalId) return proposalPage(proposalId, show);
  const items = await pages("/v1/ops/proposals", 500);
  return table(t("page.proposals"), [t("column.proposal"), t("column.what"), t("column.amount"), t("column.booking"), t("column.why"), t("column.by"), t("column.due")],
    items.map((each) => [toProposal(each.proposal_id), whatOf(each), money(each.amount), aboutOf(each), each.reason, each.proposed_by_name || each.proposed_by, when(each.expires_at)]), t("proposals.none"));
}

const wouldBe = (made) => facts([[t("column.status"), status(made.status)], [t("column.amount"), money(made.amount)], [t("fact.goes_back"), made.refunds.map((each) => `${money(each.amount)} (${word(each.status)})`).join(", ")]]);

async function proposalPage(proposalId, show) {
  const path = `/v1/ops/proposals/${id(proposalId)}`;
  const { value: proposal, etag } = await read(path);
  const own = { thing: path, etag, now: (fresh) => status(fresh.status), done: show, fields: [{ name: "note", label: t("field.note"), hint: t("field.note.hint"), long: true, required: false }] };
  const open = proposal.status === "open";
  return [h("h2", {}, proposal.proposal_id, " ", status(proposal.status)),
    facts([[t("column.what"), whatOf(proposal)], [proposal.booking_id ? t("column.booking") : t("column.listing"), aboutOf(proposal)], [t("fact.about"), proposal.subject], [t("column.amount"), money(proposal.amount)], [t("column.why"), proposal.reason],
      [t("proposal.by"), h("span", {}, proposal.proposed_by_name || proposal.proposed_by, ", ", when(proposal.proposed_at))], [t("proposal.until"), open ? when(proposal.expires_at) : null],
      [t("proposal.decided"), proposal.decided_at ? h("span", {}, proposal.decided_by_name || proposal.decided_by, ", ", when(proposal.decided_at)) : null], [t("field.note"), proposal.note]]),
    open ? h("div", { class: "acts" },
      act({ ...own, label: t("act.approve"), says: t("act.approve.says"), danger: true, ...post(`${path}/approve`, (values) => values, wouldBe) }),
      act({ ...own, label: t("act.reject"), says: t("act.reject.says"), ...post(`${path}/reject`, (values) => values) })) : null,
    table(t("refunds"), [t("column.refund"), t("column.status"), t("column.amount"), t("column.why")], proposal.refunds.map((each) => [each.refund_id, status(each.status), money(each.amount), each.reason]), t("refunds.none"))];
}
