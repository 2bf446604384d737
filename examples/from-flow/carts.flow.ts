import { IDerivation, Document, SourceFromCartUpdates, SourceFromPurchaseRequests } from "flow/acmeCo/from-flow/carts.ts";

export class Derivation extends IDerivation {
  fromCartUpdates(read: { doc: SourceFromCartUpdates }): Document[] {
    const { user, sku, pieces } = read.doc;
    return [{ user, items: [{ sku, pieces }] }];
  }

  fromPurchaseRequests(read: { doc: SourceFromPurchaseRequests }): Document[] {
    return [{ user: read.doc.user, items: [] }];
  }
}
