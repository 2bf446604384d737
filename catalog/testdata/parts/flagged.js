export function fromOrders() {}
export function fromCustomers() {}
