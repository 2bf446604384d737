interface Outcome {
  from: string;
  to: string;
  amount: number;
  outcome: string;
}

export function fromOutcomes({ doc }: { doc: Outcome }) {
  if (doc.outcome !== "approved") return { account: doc.from, balance: 0, rejected: 1 };
  return [
    { account: doc.from, balance: -doc.amount, sent: 1 },
    { account: doc.to, balance: doc.amount, received: 1 },
  ];
}
