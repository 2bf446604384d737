export function fromReadings({ doc, register }) {
  if (register.value) return;
  register.set(true);
  return doc;
}
