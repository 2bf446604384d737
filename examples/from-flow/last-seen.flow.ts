import { IDerivation, Document, SourceFromRides } from "flow/acmeCo/from-flow/last-seen.ts";

export class Derivation extends IDerivation {
  fromRides(read: { doc: SourceFromRides }): Document[] {
    const { bike, begin, end } = read.doc;
    return [
      { bike, last: begin },
      { bike, last: end },
    ];
  }
}
