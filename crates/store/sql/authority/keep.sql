insert into authority (one, id) values (1, $1) on conflict (one) do nothing
