// The packages that a field names: of alternatives ("a | b") the first, without
// versions and architectures.
function names(field) {
  return (field ?? "")
    .split(",")
    .map((one) => one.split("|")[0].replace(/\(.*?\)|\[.*?\]|:[a-z0-9]+/g, "").trim())
    .filter((name) => name !== "");
}

export function fromPackages({ doc, register }) {
  const installed = doc.Status === "install ok installed";
  const all = installed ? [...names(doc.Depends), ...names(doc["Pre-Depends"])] : [];
  const now = [...new Set(all)].sort();
  const before = [...register.value];
  register.set(now);
  return [
    ...before.filter((name) => !now.includes(name)).map((name) => ({ package: name, dependents: -1 })),
    ...now.filter((name) => !before.includes(name)).map((name) => ({ package: name, dependents: 1 })),
  ];
}
