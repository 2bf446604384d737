interface Transfer {
  id: number;
  from: string;
  to: string;
  amount: number;
}

interface Outcome extends Transfer {
  outcome: "approved" | "insufficient funds";
  missing?: number;
}

// The register of a transfer's sender.
interface Account {
  value: number;
  reduce(cents: number): void;
}

const UNLIMITED = "cash";

export function fromTransfers({ doc, register }: { doc: Transfer; register: Account }): Outcome {
  const cents = Math.round(doc.amount * 100);
  const missing = cents - register.value;
  if (missing > 0 && doc.from !== UNLIMITED) {
    return { ...doc, outcome: "insufficient funds", missing: missing / 100 };
  }
  register.reduce(-cents);
  return { ...doc, outcome: "approved" };
}

// The same register, of the receiver: this transform shuffles by /to.
export function fromOutcomes({ doc, register }: { doc: Outcome; register: Account }): void {
  if (doc.outcome === "approved") register.reduce(Math.round(doc.amount * 100));
}
