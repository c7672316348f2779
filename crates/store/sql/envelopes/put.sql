-- The envelope in force stays: replacing a key would lose all it sealed.
insert into envelopes (subject, wrapped) values ($1, $2) on conflict (subject) do nothing
