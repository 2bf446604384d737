export function fromOrders({ doc, register }) {
  register.reduce({ order: doc });
  return joined(register.value);
}

export function fromPayments({ doc, register }) {
  register.reduce({ payment: doc });
  return joined(register.value);
}

function joined({ order, payment }) {
  if (!order || !payment) return;
  return { id: order.id, customer: order.customer, amount: order.amount, method: payment.method };
}
