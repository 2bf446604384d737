export function fromMovements({ doc, register }) {
  register.reduce(doc.pieces);
  return { id: doc.id, item: doc.item, level: register.value };
}
