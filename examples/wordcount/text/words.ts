/** The words of a text in lower case: whatever stands between spaces and punctuation, in any script. */
export function words(text: string): string[] {
  return text.toLowerCase().match(/[^\s.,;:!?"()\[\]\u2013\u2014-]+/g) ?? [];
}
