export function fromUsers({ doc, register }) {
  register.set(doc.plan);
}

export function fromClicks({ doc, register }) {
  return { id: doc.id, user: doc.user, page: doc.page, plan: register.value ?? "unknown" };
}
