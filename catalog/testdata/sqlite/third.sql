create table w (id text);
