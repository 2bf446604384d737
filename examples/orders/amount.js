// What the three derivations share: an order's amount and its number of pieces.
// Loops by index, since the engine runs them twice as fast as for-of.

// Numbers in JavaScript are binary fractions: 3 * 1.1 is 3.3000000000000003.
// Rounded to cents here, sums stay exact afterwards: Weir adds decimals.
export function amountOf(order) {
  let cents = 0;
  for (let i = 0; i < order.items.length; i++) {
    const item = order.items[i];
    cents += Math.round(item.qty * item.price * 100);
  }
  return cents / 100;
}

export function piecesOf(order) {
  let pieces = 0;
  for (let i = 0; i < order.items.length; i++) pieces += order.items[i].qty;
  return pieces;
}
