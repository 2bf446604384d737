export function fromMovements({ doc }) {
  return { item: doc.item, pieces: doc.pieces, movements: 1 };
}
