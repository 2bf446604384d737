export function fromMovements({ doc, register }) {
  const before = register.value > 0;
  register.reduce(doc.pieces);
  const after = register.value > 0;
  if (before !== after) return { id: doc.id, item: doc.item, available: after };
}
