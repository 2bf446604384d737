// What one event adds to its order: the collection's schema adds it up.
export function fromEvents({ doc }) {
  const refund = doc.type === "payment.refunded";
  return {
    shop: doc._meta.pathParams.shop,
    order: doc.order,
    paid: refund ? 0 : doc.amount,
    refunded: refund ? doc.amount : 0,
    events: 1,
  };
}
