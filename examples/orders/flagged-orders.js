import { amountOf } from "./amount.js";

const LIMIT = 1000;

// The register belongs to the shuffle key, so here to the customer. It is as
// durable as the documents are; a global variable would be lost at a restart.
export function fromOrders({ doc, register }) {
  if (doc.status !== "paid") return;

  const before = register.value.spent;
  register.reduce({ orders: 1, spent: amountOf(doc) });

  const { orders, spent } = register.value;
  if (before <= LIMIT && spent > LIMIT) {
    return { id: doc.id, customer: doc.customer, orders, spent };
  }
}
