import { amountOf } from "./amount.js";

// No total is read or kept here: an order says what it adds to its customer, and
// the reductions of customer-totals.schema.yaml do the rest. An order counts when
// it is paid, which is once.
export function fromOrders({ doc }) {
  if (doc.status !== "paid") return;
  const amount = amountOf(doc);
  return {
    customer: doc.customer,
    orders: 1,
    spent: amount,
    smallest: amount,
    largest: amount,
    lastPlacedAt: doc.placedAt,
    lastOrder: doc.id,
  };
}
