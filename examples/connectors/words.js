export function fromLines({ doc }) {
  const words = doc.text.toLowerCase().match(/[a-z]+/g) || [];
  return words.map((word) => ({ word, count: 1 }));
}
