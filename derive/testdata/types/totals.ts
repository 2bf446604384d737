import { IDerivation, Document, FlushResponse, SourceFromOrders, ReadFromPeople } from "flow/acmeCo/totals.ts";
import type { Document as Order } from "flow/acmeCo/orders";

export class Derivation extends IDerivation {
  n = 0;

  constructor(open: { state: unknown }) {
    super(open);
    this.n = (open.state as { n?: number }).n ?? 0;
  }

  fromOrders(read: { doc: SourceFromOrders }): Document[] {
    const order: Order = read.doc;
    const spent = order.lines.reduce((sum, line) => sum + line.price.amount, 0);
    return order.customer ? [{ customer: order.customer, spent, count: 1 }] : [];
  }

  fromPeople(read: ReadFromPeople): Document | undefined {
    const [nick] = read.key;
    read.register?.set({ n: (read.register.value?.n ?? 0) + 1 });
    console.log(read.shuffle.packed, read.uuid.clock, nick);
    return undefined;
  }

  async fromAny(): Promise<void> {}

  async flush(): Promise<FlushResponse> {
    return { published: [{ customer: "all" }], state: { updated: { n: this.n } }, more: false };
  }

  startCommit(startCommit: { runtimeCheckpoint: unknown }): { state?: { updated: unknown; mergePatch: boolean } } {
    return { state: { updated: { n: this.n, at: startCommit.runtimeCheckpoint }, mergePatch: true } };
  }

  async reset() {
    this.n = 0;
  }
}
