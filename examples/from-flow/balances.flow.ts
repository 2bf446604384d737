import { IDerivation, Document, SourceFromTransfers } from "flow/acmeCo/from-flow/balances-by-class";

export class Derivation extends IDerivation {
  fromTransfers(read: { doc: SourceFromTransfers }): Document[] {
    const { sender, recipient, amount } = read.doc;
    return [
      { account: sender, amount: -amount },
      { account: recipient, amount },
    ];
  }
}
