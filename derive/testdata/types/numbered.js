// @ts-check

/** @type {import("flow/acmeCo/numbered").FunctionFromTotals} */
export const fromTotals = ({ doc, register, key, meta }) => {
  register.set((register.value ?? 0) + (doc.count ?? 0));
  return { id: key[0] + meta.seq };
};
