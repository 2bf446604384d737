-- Only large transfers count. `returning` publishes what the upsert made.
insert into last_large (sender, amount, before)
  select $sender, $amount, null where $amount >= 1000
  on conflict do update set before = amount, amount = excluded.amount
  returning $id, sender, amount, before;
