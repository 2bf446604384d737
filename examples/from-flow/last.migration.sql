create table last_large (
  sender text primary key,
  amount real not null,
  before real
);
