export function fromPayments({ register }) {
  register.set(true);
}

export function threeDaysLater({ doc, register }) {
  if (!register.value) return doc;
}
