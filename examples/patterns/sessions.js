const GAP = 30 * 60 * 1000;

export function fromClicks({ doc, register }) {
  let visit = register.value;
  if (!visit || Date.parse(doc.at) - Date.parse(visit.end) >= GAP) {
    visit = { user: doc.user, begin: doc.at, end: doc.at, clicks: 0 };
  }
  visit.end = doc.at;
  visit.clicks++;
  register.set(visit);
  return visit;
}
