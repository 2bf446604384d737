// What one order adds to its customer. Weir adds up the documents of a customer
// as the schema's reductions say.
export function fromOrders({ doc }) {
  let spent = 0;
  for (const { qty, price } of doc.items) {
    spent += qty * price;
  }
  return { customer: doc.customer, orders: 1, spent, lastOrder: doc.placedAt };
}
