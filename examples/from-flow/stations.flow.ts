import { IDerivation, Document, SourceFromRides } from "flow/acmeCo/from-flow/stations.ts";

export class Derivation extends IDerivation {
  fromRides(read: { doc: SourceFromRides }): Document[] {
    const { bike, begin, end } = read.doc;
    const bikes = { [`bike-${bike}`]: bike };
    return [
      { station: begin.station, departures: 1, bikes: { remove: bikes } },
      { station: end.station, arrivals: 1, bikes: { add: bikes } },
    ];
  }
}
