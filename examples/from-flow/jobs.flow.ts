import { IDerivation, Document, SourceFromEstimates, SourceFromInvoices } from "flow/acmeCo/from-flow/jobs.ts";

export class Derivation extends IDerivation {
  fromEstimates(read: { doc: SourceFromEstimates }): Document[] {
    return [{ job: read.doc.job, estimate: read.doc.note }];
  }

  fromInvoices(read: { doc: SourceFromInvoices }): Document[] {
    return [{ job: read.doc.job, invoices: [read.doc.note] }];
  }
}
