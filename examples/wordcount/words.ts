import { words } from "./text/words";

interface Line {
  file: string;
  line: number;
  text: string;
}

interface Word {
  word: string;
  count: number;
  longestLine?: number;
}

// One document for each word of the line. Nothing is counted here: Weir reduces
// documents of one word to one before it writes them, by the schema's `sum`.
export function fromLines({ doc }: { doc: Line }): Word[] {
  const found = words(doc.text);
  return found.map((word) => ({ word, count: 1, longestLine: found.length }));
}
