// What one event says of its order. Weir merges it into what the events before said.
export function fromEvents({ doc }) {
  const order = { order: doc.order, status: doc.status, changedAt: doc.at };
  if (doc.amount !== undefined) {
    order.amount = doc.amount;
  }
  return order;
}
