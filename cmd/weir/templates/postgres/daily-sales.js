// What one order adds to its day. Weir adds up the documents of a day as the
// schema's reductions say.
export function fromOrders({ doc }) {
  return { day: doc.placedAt.slice(0, 10), orders: 1, sales: doc.total };
}
