-- Whose ledger this is: keys of another authority open nothing in it, and must write nothing into it.
create table authority (
    one integer not null primary key check (one = 1),
    id text not null
) strict;
