import { amountOf, piecesOf } from "./amount.js";

// The function is named after the transform. What it returns is written to
// acmeCo/paid-orders; returning nothing drops the document.
export function fromOrders({ doc }) {
  if (doc.status !== "paid") return;
  return {
    id: doc.id,
    customer: doc.customer,
    amount: amountOf(doc),
    currency: doc.currency ?? "EUR",
    pieces: piecesOf(doc),
    placedAt: doc.placedAt,
  };
}
