export function fromOrders({ doc }) {
  return doc;
}

export function fromPayments({ doc }) {
  return { id: doc.order, method: doc.method };
}
