import { IDerivation, Document, SourceFromUsageEvents } from "flow/acmeCo/from-flow/usage.ts";

export class Derivation extends IDerivation {
  fromUsageEvents(read: { doc: SourceFromUsageEvents }): Document[] {
    const { account, at, kind, bytes } = read.doc;
    const kinds = { [kind ?? "other"]: { calls: 1, bytes } };
    return [
      { account, grain: "hourly", from: at.slice(0, 13) + ":00:00Z", kinds },
      { account, grain: "daily", from: at.slice(0, 10) + "T00:00:00Z", kinds },
      { account, grain: "monthly", from: at.slice(0, 7) + "-01T00:00:00Z", kinds },
    ];
  }
}
