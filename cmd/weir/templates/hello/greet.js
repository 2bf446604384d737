// Called for each document of acmeCo/visits; what it returns is published.
export function fromVisits({ doc }) {
  return { name: doc.name, greeting: `Hello, ${doc.name}!`, times: 1 };
}
