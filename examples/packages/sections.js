// What a package counts for is kept in its register. When its paragraph comes
// again, what it counted for is taken back if it differs.
export function fromPackages({ doc, register }) {
  const installed = doc.Status === "install ok installed";
  const now = installed ? { section: doc.Section ?? "none", kib: doc["Installed-Size"] ?? 0 } : null;
  const before = register.value;
  if (before && now && before.section === now.section && before.kib === now.kib) return;
  register.set(now);
  const changes = [];
  if (before) changes.push({ section: before.section, packages: -1, kib: -before.kib });
  if (now) changes.push({ section: now.section, packages: 1, kib: now.kib });
  return changes;
}
