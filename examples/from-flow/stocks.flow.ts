import { IDerivation, Document, SourceFromTrades } from "flow/acmeCo/from-flow/daily-stats.ts";

export class Derivation extends IDerivation {
  fromTrades(read: { doc: SourceFromTrades }): Document[] {
    const { symbol, at, price, size, exchange } = read.doc;
    const priced = { price, exchange };
    return [
      {
        symbol,
        day: at.slice(0, 10),
        volume: size,
        turnover: price * size,
        first: priced,
        last: priced,
        low: priced,
        high: priced,
        exchanges: [exchange],
      },
    ];
  }
}
