const PLACES = 3;

export function fromScores({ doc, register }) {
  const best = register.value;
  let place = best.length;
  while (place > 0 && best[place - 1].score < doc.score) place--;
  if (place === PLACES) return;
  best.splice(place, 0, { player: doc.player, score: doc.score });
  if (best.length > PLACES) best.length = PLACES;
  register.set(best);
  return { game: doc.game, best };
}
